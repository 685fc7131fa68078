import Microstructure

/// Channels of one instrument.
public struct SilentChannels: OptionSet, Sendable, Hashable {
    public let rawValue: UInt8

    public init(rawValue: UInt8) { self.rawValue = rawValue }
    public init(_ channel: FeedChannel) { rawValue = 1 << UInt8(channel.rawValue) }

    /// `depth`, `trades`, `quotes`.
    public var names: [String] { FeedChannel.allCases.filter { contains(Self($0)) }.map { "\($0)" } }
}

/// Streams that are mute.
extension BinanceSession {
    // MARK: Silence

    /// What a book published now is: a silence of the other channels makes it STALE.
    func bookValidity(_ index: Int) -> Validity { silences[index].isEmpty ? .valid : .stale }

    mutating func noteArrival(
        _ channel: FeedChannel, of index: Int, at time: Timestamp, after silence: SilenceWatch.Silence
    ) {
        watches[place(index, channel)].arrived(at: time, after: silence)
        if !silences[index].isEmpty { silences[index].remove(SilentChannels(channel)) }
    }

    /// Looks whether the book shows what quotes have not told, and settles whose their last long silence was.
    mutating func compareWithQuotes(_ index: Int, isWhole: Bool, at time: Timestamp) {
        guard isWhole, books[index].phase == .live else { return watches[place(index, .quotes)].settle(false) }
        if let isOwn = witnesses[index].process(books[index].book, at: time) {
            watches[place(index, .quotes)].settle(isOwn)
        }
    }

    func place(_ index: Int, _ channel: FeedChannel) -> Int {
        index * FeedChannel.allCases.count + channel.rawValue
    }

    /// Channels that are silent beyond what is usual for them.
    public func silentChannels(of id: InstrumentID) -> SilentChannels { silences[id.index] }

    /// The learnt limit of a channel in ns; `nil` before enough was seen.
    public func silenceLimit(of id: InstrumentID, _ channel: FeedChannel) -> Int64? {
        watches[place(id.index, channel)].limit
    }

    /// Looks for silences. `true` where one has begun: the instrument is STALE from now on, until its stream talks.
    ///
    /// A silence of trades is first a suspicion (`wantsProbe`), since a quiet market looks the same; at twice the limit
    /// it counts without proof. Depth and quotes are witnesses of each other, and need no limit where one owes what the
    /// other has shown.
    public mutating func checkSilence(of id: InstrumentID, at time: Timestamp) -> Bool {
        guard books[id.index].phase != .disconnected else { return false }
        var hasBegun = false
        for channel in FeedChannel.allCases {
            let limit = channel == .trades ? 2.0 : 1.0
            guard !silences[id.index].contains(SilentChannels(channel)),
                watches[place(id.index, channel)].silence(at: time) > limit
                    || witnesses[id.index].provesMute(channel, at: time)
            else { continue }
            silences[id.index].insert(SilentChannels(channel))
            books[id.index].counts.staleSilences += 1
            hasBegun = true
        }
        return hasBegun
    }

    /// The host's clock was set by so much, forward or back: silences are as long as they were.
    public mutating func clockMoved(by nanoseconds: Int64) {
        for index in watches.indices { watches[index].clockMoved(by: nanoseconds) }
        for index in witnesses.indices { witnesses[index].clockMoved(by: nanoseconds) }
    }

    /// Whether the trade stream is silent for so long that the venue should be asked.
    public func wantsProbe(of id: InstrumentID, at time: Timestamp) -> Bool {
        ledgers[id.index].last >= 0
            && watches[place(id.index, .trades)].silence(at: time) > 1
    }

    /// The venue has no newer trade: the market is quiet, not the feed.
    public mutating func confirmQuiet(of id: InstrumentID) {
        watches[place(id.index, .trades)].confirmQuiet()
        silences[id.index].remove(SilentChannels(.trades))
    }
}
