import Microstructure

/// Detects silent streams, and follows markets that stop and resume.
extension StreamSession {
    public func silentChannels(of id: InstrumentID) -> SilentChannels { markets[id.index].silences }

    /// Depth is judged from its first message on, trades and quotes by a learnt limit only, trades at twice that: a quiet
    /// market looks like a broken stream, and no other stream shows which it is.
    public mutating func checkSilence(of id: InstrumentID, at time: Timestamp) -> Bool {
        var hasBegun = false
        for channel in FeedChannel.allCases {
            let watch = markets[id.index].watches[channel.rawValue]
            guard !markets[id.index].silences.contains(SilentChannels(channel)),
                channel == .depth || watch.limit != nil,
                watch.silence(at: time) > (channel == .depth ? 1 : 2)
            else { continue }
            markets[id.index].silences.insert(SilentChannels(channel))
            markets[id.index].counts.staleSilences += 1
            hasBegun = true
        }
        return hasBegun
    }

    /// Only where the venue can be asked for trades by their ids.
    public func wantsProbe(of id: InstrumentID, at time: Timestamp) -> Bool {
        let market = markets[id.index]
        return reader.rules.tradeIDs == .contiguous && market.trades.last >= 0
            && market.watches[FeedChannel.trades.rawValue].silence(at: time) > 1
            && servesTrades(of: id.index)
    }

    public mutating func confirmQuiet(of id: InstrumentID) {
        markets[id.index].watches[FeedChannel.trades.rawValue].confirmQuiet()
        markets[id.index].silences.remove(SilentChannels(.trades))
    }

    public mutating func clockMoved(by nanoseconds: Int64) {
        for index in markets.indices {
            for channel in FeedChannel.allCases {
                markets[index].watches[channel.rawValue].clockMoved(by: nanoseconds)
            }
        }
    }

    /// A stopped market's channels count as silent, each until its next message.
    public mutating func tradingChanged(of id: InstrumentID, isTrading: Bool, at time: Timestamp) {
        for channel in FeedChannel.allCases {
            markets[id.index].watches[channel.rawValue].pause()
            if isTrading {
                markets[id.index].watches[channel.rawValue].arrived(at: time, after: .failure)
                markets[id.index].silences.remove(SilentChannels(channel))
            } else {
                markets[id.index].silences.insert(SilentChannels(channel))
            }
        }
    }
}
