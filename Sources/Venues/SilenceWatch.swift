import Microstructure

/// The streams of an instrument watched for silence.
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

/// Detects that a stream has gone silent, from the times between its earlier messages.
///
/// It learns the distribution of the times between messages; the limit is `factor` times its 99.9 % quantile. Normal
/// silences beyond the limit also enter the distribution, so the limit corrects itself; proven failures do not, or a
/// stream that fails often would teach that failures are normal. Old samples fade. Until there are enough samples, the
/// limit follows from the rate of messages so far (`EarlySilence`). O(1) a message, 500 bytes.
struct SilenceWatch: Sendable {
    /// What a message proves about the silence before it.
    enum Silence: Sendable, Hashable {
        /// Nothing was lost: the market itself was quiet.
        case own
        /// Messages were lost or delayed.
        case failure
        /// Unknown. A silence within the limit is taken as a quiet market; a longer one waits for `settle`.
        case unknown
    }

    /// Samples required before a limit is learnt.
    static let leastSamples = 100
    /// Lower limits are raised to this: a busy host is not a silent venue.
    static let leastLimitNanoseconds: Int64 = 2_000_000_000
    /// Higher limits are lowered to this.
    static let greatestLimitNanoseconds: Int64 = 3_600_000_000_000
    static let factor: Int64 = 4
    /// Above this total, all counts are halved.
    private static let memory: UInt32 = 8_192

    /// Four buckets per octave, from 2²⁰ ns (a millisecond) on.
    private var counts = InlineArray<96, UInt32>(repeating: 0)
    private var total: UInt32 = 0
    private var sinceLearning = 0
    private var lastArrival: Int64?
    /// The learnt limit in ns; `nil` without enough samples.
    private(set) var limit: Int64?
    /// What the first messages say, until `limit` is learnt.
    private var early = EarlySilence()
    /// How often in a row the market was found to be quiet: each time doubles the limit.
    private var patience = 0
    private var isProvenFailure = false
    /// A silence beyond the limit, not yet known to be a quiet market or a failure.
    private var doubtful: Int64?

    /// Processes the arrival of a message.
    mutating func arrived(at time: Timestamp, after silence: Silence) {
        let now = time.nanoseconds
        let isFailure = isProvenFailure || silence == .failure
        patience = 0
        isProvenFailure = false
        doubtful = nil
        // A clock that stepped back says nothing about the market.
        defer { lastArrival = now }
        guard let last = lastArrival, now >= last, !isFailure else { return }
        if silence == .unknown, let limit, now - last > limit {
            doubtful = now - last
        } else {
            learn(now - last)
        }
    }

    /// Decides whether the doubtful silence was a quiet market.
    mutating func settle(_ isOwn: Bool) {
        guard let interval = doubtful else { return }
        doubtful = nil
        if isOwn { learn(interval) }
    }

    /// Marks the present silence as a failure, whatever the next message says.
    mutating func proveFailure() {
        patience = 0
        isProvenFailure = lastArrival != nil
    }

    private mutating func learn(_ interval: Int64) {
        if limit == nil { early.process(interval) }
        counts[Self.bucket(interval)] += 1
        total += 1
        sinceLearning += 1
        guard sinceLearning >= 64 || limit == nil || interval > limit ?? .max else { return }
        sinceLearning = 0
        learn()
    }

    /// No message can arrive for a while, for reasons of our own: do not learn the time until the next message.
    mutating func pause() {
        lastArrival = nil
        patience = 0
        isProvenFailure = false
        doubtful = nil
    }

    /// The clock was set: adjusts the time of the last message by this much.
    mutating func clockMoved(by nanoseconds: Int64) { lastArrival = lastArrival.map { $0 &+ nanoseconds } }

    /// The market is quiet: wait twice as long before asking again.
    mutating func confirmQuiet() { patience = min(patience + 1, 20) }

    /// The present silence as a multiple of the limit, learnt or early; 0 before the first message.
    func silence(at time: Timestamp) -> Double {
        guard let lastArrival, time.nanoseconds > lastArrival else { return 0 }
        return Double(time.nanoseconds - lastArrival) / Double((limit ?? early.limit) << min(patience, 20))
    }

    private mutating func learn() {
        guard total >= Self.leastSamples else { return }
        // One or two failures must not teach a limit, even with few samples.
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
