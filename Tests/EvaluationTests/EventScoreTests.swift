import Evaluation
import Testing

@Suite struct EventScoreTests {
    private static let second: Int64 = 1_000_000_000
    private static let day: Int64 = 86_400 * second

    private static func at(_ symbol: String, _ seconds: Double) -> EventScore.Detection {
        .init(symbol: symbol, timeNanoseconds: Int64(seconds * 1e9))
    }

    private static func event(_ symbol: String, _ seconds: Double, end: Double? = nil) -> EventScore.Event {
        .init(
            symbol: symbol, startNanoseconds: Int64(seconds * 1e9), endNanoseconds: end.map { Int64($0 * 1e9) })
    }

    /// Three events: found after 5 s, after 20 s, and not. Two signals far from any event, one just before it, aftershocks.
    @Test func countsByHand() throws {
        let events = [Self.event("A", 10_000), Self.event("A", 50_000), Self.event("B", 30_000)]
        let signals = [
            Self.at("A", 1_000), Self.at("A", 9_999), Self.at("A", 10_005), Self.at("A", 10_006), Self.at("A", 11_000),
            Self.at("A", 50_020), Self.at("B", 10_000), Self.at("B", 31_000), Self.at("B", 30_100),
        ]
        let score = EventScore(
            events: events, detections: signals, spans: [.init(startNanoseconds: 0, endNanoseconds: Self.day)])
        #expect(score.delaysSeconds == [5, 20, nil])
        #expect((score.events, score.signals, score.falseAlarms) == (3, 9, 2))
        #expect(score.levels.map(\.found) == [1, 2, 2])
        let (third, twoThirds): (Double, Double) = (1.0 / 3, 2.0 / 3)
        #expect(score.levels.map(\.recall) == [third, twoThirds, twoThirds])
        #expect(score.levels.map(\.precision) == [third, 0.5, 0.5])
        // Of precision 1/2 and recall 2/3.
        let harmonic: Double = 4.0 / 7
        #expect(abs(score.levels[1].fMeasure - harmonic) < 1e-15)
        // Two symbol-days less three zones of 3,660 s.
        let days: Double = 2 - 10_980.0 / 86_400
        #expect(abs((score.quietDays ?? 0) - days) < 1e-12)
        #expect(abs((score.falseAlarmsPerDay ?? 0) - 2 / days) < 1e-12)
        #expect(score.delayQuantile(0.5) == 12.5 && score.delayQuantile(0) == 5 && score.delayQuantile(1) == 20)
        let parts: [[Int]] = score.symbols.map { [$0.events, $0.found, $0.signals, $0.falseAlarms] }
        #expect(parts == [[2, 2, 6, 1], [1, 0, 3, 1]])
        // Wilson, 1 of 3: (0.3333 + 0.6402 ± 1.96·√(…))/(1 + 1.2805).
        let interval = try #require(score.levels[0].recallInterval)
        #expect(abs(interval.lowerBound - 0.061491944720396) < 1e-12)
        #expect(abs(interval.upperBound - 0.792340399197944) < 1e-12)
    }

    @Test func bordersBelong() {
        let rules = EventScore.Rules(
            withinSeconds: [10], slackSeconds: 2, excludedBeforeSeconds: 0, excludedAfterSeconds: 20)
        func score(_ seconds: Double) -> EventScore {
            EventScore(events: [Self.event("A", 100)], detections: [Self.at("A", seconds)], rules: rules)
        }
        let cases: [(seconds: Double, delay: Double?, falseAlarms: Int)] = [
            (97.999, nil, 1), (98, -2, 0), (110, 10, 0), (110.001, nil, 0), (120, nil, 0), (120.001, nil, 1),
        ]
        for (seconds, delay, falseAlarms) in cases {
            #expect(score(seconds).delaysSeconds == [delay], "\(seconds)")
            #expect(score(seconds).falseAlarms == falseAlarms, "\(seconds)")
        }
        #expect(score(98).falseAlarmsPerDay == nil && score(98).quietDays == nil)
    }

    /// An event without a watcher is not missed, a signal outside is not counted; zones that overlap are left out once, and
    /// an event's end prolongs its zone.
    @Test func onlyWhatWasWatchedCounts() {
        let spans: [EventScore.Span] = [
            .init(symbol: "A", startNanoseconds: 0, endNanoseconds: 6_000 * Self.second),
            .init(symbol: "A", startNanoseconds: 4_000 * Self.second, endNanoseconds: 20_000 * Self.second),
            .init(symbol: "C", startNanoseconds: 0, endNanoseconds: Self.day),
        ]
        let events = [
            Self.event("A", 1_000, end: 2_000), Self.event("A", 3_000), Self.event("A", 30_000), Self.event("B", 1_000),
        ]
        let signals = [Self.at("A", 5_000), Self.at("A", 9_000), Self.at("A", 25_000), Self.at("B", 1_001)]
        let score = EventScore(events: events, detections: signals, spans: spans)
        #expect((score.events, score.unobservedEvents) == (2, 2))
        #expect((score.signals, score.unobservedSignals, score.falseAlarms) == (2, 2, 1))
        // A: 20,000 s less 940…6,600; B: nothing; C: a day.
        let quiet = score.symbols.map { ($0.quietDays ?? .nan) * 86_400 }
        let expected: [Double] = [14_340, 0, 86_400]
        #expect(zip(quiet, expected).allSatisfy { abs($0 - $1) < 1e-6 }, "\(quiet)")
    }

    @Test func nothingIsUndefinedRatherThanPerfect() {
        let score = EventScore(events: [], detections: [])
        #expect(score.levels.allSatisfy { $0.recall.isNaN && $0.precision.isNaN && $0.recallInterval == nil })
        #expect(score.delayQuantile(0.5) == nil && score.falseAlarmsPerDay == nil)
        let missed = EventScore(events: [Self.event("A", 1)], detections: [Self.at("A", 99_999)])
        #expect(missed.levels.allSatisfy { $0.recall == 0 && $0.precision == 0 && $0.fMeasure == 0 })
        let extreme = EventScore(
            events: [.init(symbol: "A", startNanoseconds: .max), .init(symbol: "A", startNanoseconds: .min)],
            detections: [.init(symbol: "A", timeNanoseconds: .max), .init(symbol: "A", timeNanoseconds: .min)],
            spans: [.init(startNanoseconds: .min, endNanoseconds: .max)])
        #expect(extreme.delaysSeconds == [0, 0] && extreme.falseAlarms == 0)
    }
}
