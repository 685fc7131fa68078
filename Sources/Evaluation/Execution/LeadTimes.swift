import Microstructure

/// Finds when the price was a given move away from its level before a signal. Fixed memory, except for watched signals.
struct LeadTimes: Sendable {
    /// How far before the signal the reference price lies.
    static let lookbackNanoseconds: Int64 = 30_000_000_000
    private static let sampleNanoseconds: Int64 = 50_000_000
    private static let sampleLimit = 602

    private struct Sample {
        var time: Timestamp
        var mid: Double
    }

    private struct Watch {
        var record: Int
        var signal: Timestamp
        var low: Double
        var high: Double
        var deadline: Timestamp
    }

    private let size: Double
    private let horizonNanoseconds: Int64
    private var samples = RingOfSamples()
    private var watches: [Watch] = []

    /// Ring of price samples, of the same size for every symbol: the last half minute at 50 ms.
    private struct RingOfSamples: Sendable {
        private var values: [Sample] = []
        private var next = 0

        mutating func append(_ sample: Sample) {
            if values.count < LeadTimes.sampleLimit { values.append(sample) } else { values[next] = sample }
            next = (next + 1) % LeadTimes.sampleLimit
        }

        var last: Sample? { values.isEmpty ? nil : values[(next + values.count - 1) % values.count] }
        /// Oldest first.
        var ordered: [Sample] {
            values.count < LeadTimes.sampleLimit ? values : Array(values[next...] + values[..<next])
        }
    }

    init(size: Double, horizonSeconds: Double) {
        self.size = size
        horizonNanoseconds = Int64(horizonSeconds * 1e9)
    }

    var isIdle: Bool { watches.isEmpty }

    mutating func note(_ mid: Double, at time: Timestamp) {
        if let last = samples.last, time.nanoseconds(since: last.time) < Self.sampleNanoseconds { return }
        samples.append(Sample(time: time, mid: mid))
    }

    /// Starts a signal: its lead if the move is already there; `nil` starts a watch, if a reference price exists.
    mutating func start(_ record: Int, at time: Timestamp) -> Double? {
        let past = samples.ordered
        let begin = time.advanced(byNanoseconds: -Self.lookbackNanoseconds)
        // The price at the start of the lookback: the last sample before it, or else the earliest sample.
        let first = past.lastIndex { $0.time <= begin } ?? 0
        guard first < past.count else { return nil }
        let (low, high) = (past[first].mid * (1 - size), past[first].mid * (1 + size))
        for sample in past[first...] where sample.mid <= low || sample.mid >= high {
            return Double(sample.time.nanoseconds(since: time)) / 1e9
        }
        watches.append(
            Watch(
                record: record, signal: time, low: low, high: high,
                deadline: time.advanced(byNanoseconds: horizonNanoseconds)))
        return nil
    }

    /// Reports the leads of all signals whose move this price completes.
    mutating func process(_ mid: Double, at time: Timestamp, found: (_ record: Int, _ lead: Double) -> Void) {
        var place = 0
        while place < watches.count {
            let watch = watches[place]
            let isThere = mid <= watch.low || mid >= watch.high
            if isThere, time <= watch.deadline {
                found(watch.record, Double(time.nanoseconds(since: watch.signal)) / 1e9)
            }
            if isThere || time > watch.deadline { watches.remove(at: place) } else { place += 1 }
        }
    }
}
