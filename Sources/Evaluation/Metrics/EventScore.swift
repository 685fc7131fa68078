import Microstructure

/// How well signals match events in time: recall within given delays, precision, the delays themselves, and false
/// alarms a day a symbol.
///
/// Matching: an event is found by the first signal of its symbol in `[start − slack, start + w]`, where w is the
/// largest delay of the rules; within a smaller delay it is found if that first signal was early enough. Signals near
/// an event that do not find it (its aftershocks) are ignored: a false alarm is a signal outside the exclusion zone of
/// every event of its symbol. If spans are given, only events and signals inside them count: an unobserved event cannot
/// be missed. O((signals + events)·log).
public struct EventScore: Sendable, Equatable {
    public struct Event: Sendable, Hashable {
        public var symbol: String
        /// Nanoseconds since 1970, like all times here.
        public var startNanoseconds: Int64
        /// The exclusion zone starts to run out here; `nil` means at the start.
        public var endNanoseconds: Int64?

        public init(symbol: String, startNanoseconds: Int64, endNanoseconds: Int64? = nil) {
            self.symbol = symbol
            self.startNanoseconds = startNanoseconds
            self.endNanoseconds = endNanoseconds
        }
    }

    public struct Detection: Sendable, Hashable {
        public var symbol: String
        public var timeNanoseconds: Int64

        public init(symbol: String, timeNanoseconds: Int64) {
            self.symbol = symbol
            self.timeNanoseconds = timeNanoseconds
        }
    }

    /// A time span in which a symbol was observed, both ends included.
    public struct Span: Sendable, Hashable {
        /// `nil` means every symbol that an event, a signal or another span names.
        public var symbol: String?
        public var startNanoseconds: Int64
        public var endNanoseconds: Int64

        /// Requires `startNanoseconds <= endNanoseconds`.
        public init(symbol: String? = nil, startNanoseconds: Int64, endNanoseconds: Int64) {
            precondition(startNanoseconds <= endNanoseconds)
            self.symbol = symbol
            self.startNanoseconds = startNanoseconds
            self.endNanoseconds = endNanoseconds
        }
    }

    public struct Rules: Sendable, Hashable {
        /// Delays at which recall is measured, in seconds, ascending.
        public let withinSeconds: [Double]
        /// How much before its label an event may be found, in seconds: labels are often precise only to the minute.
        public let slackSeconds: Double
        /// The exclusion zone starts this long before an event's start and ends this long after its end. It always
        /// includes the matching window.
        public let excludedBeforeSeconds: Double
        public let excludedAfterSeconds: Double

        /// Requires at least one delay, and all in 0…1e9 seconds.
        public init(
            withinSeconds: [Double] = [10, 30, 60], slackSeconds: Double = 0, excludedBeforeSeconds: Double = 60,
            excludedAfterSeconds: Double = 3_600
        ) {
            precondition(!withinSeconds.isEmpty)
            let all = withinSeconds + [slackSeconds, excludedBeforeSeconds, excludedAfterSeconds]
            precondition(all.allSatisfy { (0...1e9).contains($0) })
            self.withinSeconds = withinSeconds.sorted()
            self.slackSeconds = slackSeconds
            self.excludedBeforeSeconds = excludedBeforeSeconds
            self.excludedAfterSeconds = excludedAfterSeconds
        }
    }

    /// Results for one delay.
    public struct Level: Sendable, Equatable {
        public var withinSeconds: Double
        /// Events found within the delay.
        public var found: Int
        /// `found` among the observed events; NaN if there are none.
        public var recall: Double
        /// Wilson's interval of the recall at 95 %.
        public var recallInterval: ClosedRange<Double>?
        /// `found` among found events and false alarms; NaN if there are neither.
        public var precision: Double
        /// Harmonic mean of recall and precision; NaN if either is NaN.
        public var fMeasure: Double
    }

    /// Results of one symbol.
    public struct SymbolScore: Sendable, Equatable {
        public var symbol: String
        public var events: Int
        public var found: Int
        public var signals: Int
        public var falseAlarms: Int
        /// Days observed, without exclusion zones; `nil` without spans.
        public var quietDays: Double?
    }

    /// One for each delay, ascending.
    public private(set) var levels: [Level] = []
    /// Seconds from the start of each observed event to the signal that found it, `nil` if none did; in input order.
    public private(set) var delaysSeconds: [Double?] = []
    /// Sorted by name.
    public private(set) var symbols: [SymbolScore] = []
    /// Events outside the spans.
    public private(set) var unobservedEvents = 0
    /// Signals outside the spans.
    public private(set) var unobservedSignals = 0

    public var events: Int { delaysSeconds.count }
    public var signals: Int { symbols.reduce(0) { $0 + $1.signals } }
    public var falseAlarms: Int { symbols.reduce(0) { $0 + $1.falseAlarms } }

    /// Symbol-days observed, without exclusion zones; `nil` without spans.
    public var quietDays: Double? {
        symbols.reduce(0.0 as Double?) { sum, part in sum.flatMap { sum in part.quietDays.map { sum + $0 } } }
    }

    /// False alarms a day a symbol; `nil` without spans, or if they leave no quiet time.
    public var falseAlarmsPerDay: Double? {
        quietDays.flatMap { $0 > 0 ? Double(falseAlarms) / $0 : nil }
    }

    /// The quantile of the delays of found events, `nil` if none was found; `probability` in [0, 1].
    public func delayQuantile(_ probability: Double) -> Double? {
        Quantile.linear(delaysSeconds.compactMap { $0 }.sorted(), probability)
    }

    /// - Parameter spans: when the symbols were observed, in any order; overlaps count once. Empty means always, and
    ///   daily rates are then unknown.
    public init(events: [Event], detections: [Detection], spans: [Span] = [], rules: Rules = Rules()) {
        let latest = Self.nanoseconds(rules.withinSeconds.last ?? 0)
        let slack = Self.nanoseconds(rules.slackSeconds)
        let before = max(slack, Self.nanoseconds(rules.excludedBeforeSeconds))
        let after = Self.nanoseconds(rules.excludedAfterSeconds)

        let times = Dictionary(grouping: detections, by: \.symbol).mapValues { $0.map(\.timeNanoseconds).sorted() }
        let eventsOf = Dictionary(grouping: events, by: \.symbol)
        let named = Set(times.keys).union(eventsOf.keys).union(spans.compactMap(\.symbol))
        var watched: [String: Intervals] = [:]
        for symbol in named where !spans.isEmpty {
            watched[symbol] = Intervals(
                spans.filter { $0.symbol == nil || $0.symbol == symbol }
                    .map { ($0.startNanoseconds, $0.endNanoseconds) })
        }

        var foundOf: [String: Int] = [:]
        var observedOf: [String: Int] = [:]
        for event in events {
            guard watched[event.symbol]?.contains(event.startNanoseconds) != false else {
                unobservedEvents += 1
                continue
            }
            observedOf[event.symbol, default: 0] += 1
            let candidates = times[event.symbol] ?? []
            let first = Self.firstIndex(in: candidates, from: Self.add(event.startNanoseconds, -slack))
            guard first < candidates.count, candidates[first] <= Self.add(event.startNanoseconds, latest) else {
                delaysSeconds.append(nil)
                continue
            }
            foundOf[event.symbol, default: 0] += 1
            delaysSeconds.append(Double(candidates[first] - event.startNanoseconds) / 1e9)
        }

        for symbol in named.sorted() {
            let zones = Intervals(
                (eventsOf[symbol] ?? []).map { event in
                    let start = event.startNanoseconds
                    let end = max(start, event.endNanoseconds ?? start)
                    return (Self.add(start, -before), max(Self.add(end, after), Self.add(start, latest)))
                })
            let seen = (times[symbol] ?? []).filter { watched[symbol]?.contains($0) != false }
            unobservedSignals += (times[symbol]?.count ?? 0) - seen.count
            symbols.append(
                SymbolScore(
                    symbol: symbol, events: observedOf[symbol] ?? 0, found: foundOf[symbol] ?? 0, signals: seen.count,
                    falseAlarms: seen.count { !zones.contains($0) },
                    quietDays: watched[symbol].map { $0.secondsOutside(zones) / 86_400 }))
        }
        let falseAlarms = self.falseAlarms
        levels = rules.withinSeconds.map { Self.level($0, delaysSeconds, falseAlarms) }
    }

    private static func level(_ within: Double, _ delays: [Double?], _ falseAlarms: Int) -> Level {
        let found = delays.count { delay in delay.map { $0 <= within } ?? false }
        let recall = Double(found) / Double(delays.count)
        let precision = Double(found) / Double(found + falseAlarms)
        let sum = precision + recall
        return Level(
            withinSeconds: within, found: found, recall: recall,
            recallInterval: Proportion.wilsonInterval(found, of: delays.count),
            precision: precision, fMeasure: sum == 0 ? 0 : 2 * precision * recall / sum)
    }

    private static func nanoseconds(_ seconds: Double) -> Int64 { Int64((seconds * 1e9).rounded()) }

    /// Saturates at the ends of the range.
    private static func add(_ time: Int64, _ step: Int64) -> Int64 {
        let (sum, overflow) = time.addingReportingOverflow(step)
        return overflow ? (step < 0 ? .min : .max) : sum
    }

    private static func firstIndex(in sorted: [Int64], from time: Int64) -> Int {
        var (low, high) = (0, sorted.count)
        while low < high {
            let middle = (low + high) / 2
            if sorted[middle] < time { low = middle + 1 } else { high = middle }
        }
        return low
    }
}

/// Time intervals in order, merged where they touch; ends included.
private struct Intervals {
    private var parts: [(start: Int64, end: Int64)] = []

    init(_ stretches: [(start: Int64, end: Int64)]) {
        for stretch in stretches.sorted(by: { $0.start < $1.start }) {
            if let last = parts.last, stretch.start <= last.end {
                parts[parts.count - 1].end = max(last.end, stretch.end)
            } else {
                parts.append(stretch)
            }
        }
    }

    func contains(_ time: Int64) -> Bool {
        var (low, high) = (0, parts.count)
        while low < high {
            let middle = (low + high) / 2
            if parts[middle].end < time { low = middle + 1 } else { high = middle }
        }
        return low < parts.count && parts[low].start <= time
    }

    func secondsOutside(_ others: Intervals) -> Double {
        var total = 0.0
        var next = 0
        for part in parts {
            total += (Double(part.end) - Double(part.start)) / 1e9
            while next < others.parts.count, others.parts[next].end < part.start { next += 1 }
            var index = next
            while index < others.parts.count, others.parts[index].start <= part.end {
                let other = others.parts[index]
                total -= (Double(min(part.end, other.end)) - Double(max(part.start, other.start))) / 1e9
                index += 1
            }
        }
        return total
    }
}
