import Microstructure

/// The streams of an instrument that are watched for silence.
public enum FeedChannel: Int, Sendable, Hashable, CaseIterable {
    case depth, trades, quotes
}

/// Channels of one instrument that are silent.
public struct SilentChannels: OptionSet, Sendable, Hashable {
    public let rawValue: UInt8

    public init(rawValue: UInt8) { self.rawValue = rawValue }
    public init(_ channel: FeedChannel) { rawValue = 1 << UInt8(channel.rawValue) }

    /// `depth`, `trades`, `quotes`.
    public var names: [String] { FeedChannel.allCases.filter { contains(Self($0)) }.map { "\($0)" } }
}

/// Notices that a stream has gone silent, by the times between its messages so far.
///
/// It learns the distribution of the times between two messages and takes `factor` times its 99.9 % quantile as the
/// limit. A silence that turned out to be the market's own enters the distribution too, so the limit heals itself; one
/// that was proven a failure does not, else a stream that fails often enough would teach that its failures are normal.
/// Old experience fades. O(1) a message, 400 bytes.
struct SilenceWatch: Sendable {
    /// What a message proves about the silence that it ends.
    enum Silence: Sendable, Hashable {
        /// Nothing was lost in it: it was the market's own.
        case own
        /// Something was lost or held up in it.
        case failure
        /// It does not say. A silence within the limit is taken as the market's own, a longer one waits for `settle`.
        case unknown
    }

    /// Times between messages before a limit is known.
    static let leastSamples = 100
    /// Limits below are taken as this: a busy host is not a silent venue.
    static let leastLimitNanoseconds: Int64 = 2_000_000_000
    /// Limits above are taken as this.
    static let greatestLimitNanoseconds: Int64 = 3_600_000_000_000
    static let factor: Int64 = 4
    /// Beyond so many, all counts are halved.
    private static let memory: UInt32 = 8_192

    /// Four buckets an octave, from 2²⁰ ns (a millisecond) on.
    private var counts = InlineArray<96, UInt32>(repeating: 0)
    private var total: UInt32 = 0
    private var sinceLearning = 0
    private var lastArrival: Int64?
    /// The limit learnt, in ns; `nil` before enough was seen.
    private(set) var limit: Int64?
    /// How often in a row the silence was found to be the market's own: each doubles the limit.
    private var patience = 0
    private var isProvenFailure = false
    /// A silence beyond the limit of which it is not known yet whether it was the market's own.
    private var doubtful: Int64?

    /// A message has come.
    mutating func arrived(at time: Timestamp, after silence: Silence) {
        let now = time.nanoseconds
        let isFailure = isProvenFailure || silence == .failure
        patience = 0
        isProvenFailure = false
        doubtful = nil
        // A clock that stepped back says nothing of the market.
        defer { lastArrival = now }
        guard let last = lastArrival, now >= last, !isFailure else { return }
        if silence == .unknown, let limit, now - last > limit {
            doubtful = now - last
        } else {
            learn(now - last)
        }
    }

    /// Whether the silence of which the last message did not say was the market's own.
    mutating func settle(_ isOwn: Bool) {
        guard let interval = doubtful else { return }
        doubtful = nil
        if isOwn { learn(interval) }
    }

    /// The present silence is a failure, whatever the next message says.
    mutating func proveFailure() {
        patience = 0
        isProvenFailure = lastArrival != nil
    }

    private mutating func learn(_ interval: Int64) {
        counts[Self.bucket(interval)] += 1
        total += 1
        sinceLearning += 1
        guard sinceLearning >= 64 || limit == nil || interval > limit ?? .max else { return }
        sinceLearning = 0
        learn()
    }

    /// Nothing can come for a while, for reasons of our own: the time until the next message must not be learnt.
    mutating func pause() {
        lastArrival = nil
        patience = 0
        isProvenFailure = false
        doubtful = nil
    }

    /// The clock was set: so much must be added to the moment of the last message.
    mutating func clockMoved(by nanoseconds: Int64) { lastArrival = lastArrival.map { $0 &+ nanoseconds } }

    /// The silence is the market's own: wait twice as long before asking again.
    mutating func confirmQuiet() { patience = min(patience + 1, 20) }

    /// How many limits long the present silence is; 0 where none is known.
    func silence(at time: Timestamp) -> Double {
        guard let limit, let lastArrival, time.nanoseconds > lastArrival else { return 0 }
        return Double(time.nanoseconds - lastArrival) / Double(limit << min(patience, 20))
    }

    private mutating func learn() {
        guard total >= Self.leastSamples else { return }
        // A failure or two must not teach a limit, also while there is little experience.
        var beyond = total / 1_000 + 2
        var index = counts.count - 1
        while index > 0, counts[index] <= beyond {
            beyond -= counts[index]
            index -= 1
        }
        let limit = Self.upperBound(index) * Self.factor
        self.limit = min(max(limit, Self.leastLimitNanoseconds), Self.greatestLimitNanoseconds)
        guard total >= Self.memory else { return }
        total = 0
        for index in counts.indices {
            counts[index] /= 2
            total += counts[index]
        }
    }

    private static func bucket(_ interval: Int64) -> Int {
        let units = interval >> 18
        guard units >= 4 else { return 0 }
        let octave = 63 - units.leadingZeroBitCount
        return min(95, 4 * (octave - 2) + Int((units >> (octave - 2)) & 3) + 1)
    }

    private static func upperBound(_ bucket: Int) -> Int64 {
        guard bucket > 0 else { return 1 << 20 }
        let (octave, quarter) = ((bucket - 1) / 4, Int64((bucket - 1) % 4))
        return (5 + quarter) << (octave + 18)
    }
}
