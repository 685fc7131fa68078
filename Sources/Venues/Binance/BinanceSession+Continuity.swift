import Microstructure

/// Detects silent streams.
extension BinanceSession {
    // MARK: Silence

    /// The validity of a book published now: silence of another channel makes it STALE.
    func bookValidity(_ index: Int) -> Validity { silences[index].isEmpty ? .valid : .stale }

    mutating func noteArrival(
        _ channel: FeedChannel, of index: Int, at time: Timestamp, after silence: SilenceWatch.Silence
    ) {
        watches[watchIndex(index, channel)].arrived(at: time, after: silence)
        if !silences[index].isEmpty { silences[index].remove(SilentChannels(channel)) }
    }

    /// Compares the book with the quotes, which decides whether the last long silence of the quotes was normal.
    mutating func compareWithQuotes(_ index: Int, isWhole: Bool, at time: Timestamp) {
        guard isWhole, books[index].phase == .live else { return watches[watchIndex(index, .quotes)].settle(false) }
        if let isOwn = crossChecks[index].process(books[index].book, at: time) {
            watches[watchIndex(index, .quotes)].settle(isOwn)
        }
    }

    func watchIndex(_ index: Int, _ channel: FeedChannel) -> Int {
        index * FeedChannel.allCases.count + channel.rawValue
    }

    public func silentChannels(of id: InstrumentID) -> SilentChannels { silences[id.index] }

    /// The learnt limit of a channel in ns; `nil` without enough samples.
    public func silenceLimit(of id: InstrumentID, _ channel: FeedChannel) -> Int64? {
        watches[watchIndex(id.index, channel)].limit
    }

    /// A silence of trades is first only suspected (`wantsProbe`), since a quiet market looks the same; at twice the
    /// limit it counts without proof. Depth and quotes check each other, and need no limit if one has shown a change of
    /// the book that the other does not report.
    ///
    /// Depth is judged from its first message on, since every change of the book is in it: when it stops, either the
    /// market has stopped or the stream. Quotes and trades may rightly pause while depth goes on, so they are judged by
    /// a learnt limit only.
    public mutating func checkSilence(of id: InstrumentID, at time: Timestamp) -> Bool {
        guard books[id.index].phase != .disconnected else { return false }
        var hasBegun = false
        for channel in FeedChannel.allCases {
            let watch = watchIndex(id.index, channel)
            let isJudged = channel == .depth || watches[watch].limit != nil
            guard !silences[id.index].contains(SilentChannels(channel)),
                isJudged && watches[watch].silence(at: time) > (channel == .trades ? 2 : 1)
                    || crossChecks[id.index].provesSilent(channel, at: time)
            else { continue }
            silences[id.index].insert(SilentChannels(channel))
            books[id.index].counts.staleSilences += 1
            hasBegun = true
        }
        return hasBegun
    }

    public mutating func clockMoved(by nanoseconds: Int64) {
        for index in watches.indices { watches[index].clockMoved(by: nanoseconds) }
        for index in crossChecks.indices { crossChecks[index].clockMoved(by: nanoseconds) }
    }

    public func wantsProbe(of id: InstrumentID, at time: Timestamp) -> Bool {
        tradeSequences[id.index].last >= 0
            && watches[watchIndex(id.index, .trades)].silence(at: time) > 1
    }

    public mutating func confirmQuiet(of id: InstrumentID) {
        watches[watchIndex(id.index, .trades)].confirmQuiet()
        silences[id.index].remove(SilentChannels(.trades))
    }
}
