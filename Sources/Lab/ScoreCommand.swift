import Runtime
import ArgumentParser
import Evaluation
import Foundation
import Microstructure

/// `microlab score`: signals against labelled events.
package struct ScoreCommand: AsyncParsableCommand {
    package static let configuration = CommandConfiguration(
        commandName: "score",
        abstract: "Scores signals against labelled events: recall, precision, delays, false alarms a day.",
        discussion: """
            SIGNALS holds a JSON object a line: a signal with symbol, signal_type (or type) and timestamp (seconds) or \
            detected_time_ns, or a span that was watched, {"symbols": ["BTCUSDT"], "first_time_ns": 1, "last_time_ns": 2}, \
            without symbols of all. EVENTS is a CSV file with the columns symbol and label_time_utc, perhaps end_utc and \
            class (or type). BRD/BTC is BRDBTC. Either may be .gz or .zst.

            An event is found by the first signal of its symbol from its label, less --slack, to the largest of --within. A \
            false alarm is a signal outside every exclusion zone: what comes shortly after an event is neither right nor \
            wrong. Precision counts events found, not signals. The delay of a signal is that to its detection, not to its \
            estimated onset.

            Without a span in SIGNALS or --span, false alarms are counted, but not told a day. Labels to the minute \
            are older or younger than the event: --offset-column names a column of seconds from the label to the start, and \
            an event without a value there is left out.

            Exit code: 0; 64 usage; 65 a file holds something else; 66 it cannot be opened; 74 it cannot be read,
            or the answer cannot be written.
            """)

    @Argument(help: "Signals, a JSON object a line.") var signals: String
    @Argument(help: "Events, CSV with a header.") var events: String
    @Option(help: "Delays in seconds that recall is asked for, comma-separated.") var within = "10,30,60"
    @Option(help: "Seconds before its label that an event may be found.") var slack = 0.0
    @Option(help: "The exclusion zone begins so many seconds before a label.") var excludeBefore = 60.0
    @Option(help: "The exclusion zone ends so many seconds after the label, or after end_utc.") var excludeAfter =
        3_600.0
    @Option(
        help: ArgumentHelp(
            "What was watched: two moments with a comma between, or 'events' for the columns hours_before and hours_after.",
            valueName: "from,to"))
    var span: String?
    @Option(help: "Types of signals to take, comma-separated (default: all).") var types: String?
    @Option(help: "Classes of events to take, comma-separated (default: all).") var classes: String?
    @Option(help: "Column of seconds from the label to the start of the event.") var offsetColumn: String?
    @Flag(help: "As JSON.") var json = false

    package init() {}

    package func validate() throws {
        _ = try rules()
        _ = try watched()
    }

    package func run() async throws {
        do {
            try score()
        } catch {
            throw Lab.failure(error)
        }
    }

    private func score() throws {
        let rules = try rules()
        let lines = try SignalLines(path: signals, types: Self.names(types), isWatched: span != nil)
        let rows = try EventRows(
            path: events, classes: Self.names(classes), offsetColumn: offsetColumn, readsSpans: span == "events")
        let given = span == "events" ? rows.spans : try watched()
        let score = EventScore(
            events: rows.events, detections: lines.detections, spans: given.isEmpty ? lines.spans : given,
            rules: rules)
        let page = ScorePage(score, otherClass: rows.otherClass, withoutOffset: rows.withoutOffset)
        if json {
            let encoder = JSONEncoder()
            encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
            try StandardOutput.show(String(decoding: try encoder.encode(page), as: UTF8.self))
        } else {
            try StandardOutput.show(page.text)
        }
    }

    private func rules() throws -> EventScore.Rules {
        let delays = within.split(separator: ",", omittingEmptySubsequences: false).map {
            Double($0.trimmingCharacters(in: .whitespaces)) ?? .nan
        }
        guard (delays + [slack, excludeBefore, excludeAfter]).allSatisfy({ (0...1e9).contains($0) }),
            delays.count <= 100
        else { throw ValidationError("--within, --slack, --exclude-before and --exclude-after are seconds from 0 on") }
        return EventScore.Rules(
            withinSeconds: delays, slackSeconds: slack, excludedBeforeSeconds: excludeBefore,
            excludedAfterSeconds: excludeAfter)
    }

    private func watched() throws -> [EventScore.Span] {
        guard let span, span != "events" else { return [] }
        let moments = span.split(separator: ",").compactMap { Moment(argument: String($0))?.time.nanoseconds }
        guard moments.count == 2, moments[0] <= moments[1] else {
            throw ValidationError("--span needs two moments, FROM,TO, or 'events'")
        }
        return [EventScore.Span(startNanoseconds: moments[0], endNanoseconds: moments[1])]
    }

    private static func names(_ list: String?) -> Set<String> {
        Set((list ?? "").split(separator: ",").map { $0.trimmingCharacters(in: .whitespaces) })
    }
}

/// The answer of `microlab score`. What is not defined is left out.
private struct ScorePage: Encodable {
    struct Level: Encodable {
        let withinSeconds: Double
        let found: Int
        let recall: Double?
        let recallLow: Double?
        let recallHigh: Double?
        let precision: Double?
        let f1: Double?
    }

    struct Delays: Encodable {
        let minimum, lowerQuartile, median, upperQuartile, maximum: Double
    }

    struct Symbol: Encodable {
        let symbol: String
        let events, found, signals, falseAlarms: Int
        let quietDays: Double?
    }

    let events, unobservedEvents, eventsOfOtherClass, eventsWithoutOffset: Int
    let signals, unobservedSignals, falseAlarms: Int
    /// Symbol-days watched, exclusion zones left out.
    let quietDays: Double?
    let falseAlarmsPerDayPerSymbol: Double?
    let levels: [Level]
    let delaySeconds: Delays?
    let symbols: [Symbol]

    init(_ score: EventScore, otherClass: Int, withoutOffset: Int) {
        func defined(_ value: Double) -> Double? { value.isNaN ? nil : value }
        events = score.events
        unobservedEvents = score.unobservedEvents
        eventsOfOtherClass = otherClass
        eventsWithoutOffset = withoutOffset
        signals = score.signals
        unobservedSignals = score.unobservedSignals
        falseAlarms = score.falseAlarms
        quietDays = score.quietDays
        falseAlarmsPerDayPerSymbol = score.falseAlarmsPerDay
        levels = score.levels.map {
            Level(
                withinSeconds: $0.withinSeconds, found: $0.found, recall: defined($0.recall),
                recallLow: $0.recallInterval?.lowerBound, recallHigh: $0.recallInterval?.upperBound,
                precision: defined($0.precision), f1: defined($0.fMeasure))
        }
        let quantiles = [0, 0.25, 0.5, 0.75, 1].compactMap(score.delayQuantile)
        delaySeconds =
            quantiles.count == 5
            ? Delays(
                minimum: quantiles[0], lowerQuartile: quantiles[1], median: quantiles[2], upperQuartile: quantiles[3],
                maximum: quantiles[4]) : nil
        symbols = score.symbols.map {
            Symbol(
                symbol: $0.symbol, events: $0.events, found: $0.found, signals: $0.signals, falseAlarms: $0.falseAlarms,
                quietDays: $0.quietDays)
        }
    }

    var text: String {
        func share(_ value: Double?) -> String { value.map { String(format: "%.3f", $0) } ?? "-" }
        func right(_ text: String, _ width: Int) -> String {
            String(repeating: " ", count: max(0, width - text.count)) + text
        }
        func left(_ text: String, _ width: Int) -> String {
            text + String(repeating: " ", count: max(0, width - text.count))
        }
        var lines = ["events         \(events)" + Self.remark(unobservedEvents, "outside the span")]
        if eventsOfOtherClass > 0 { lines.append("left out       \(eventsOfOtherClass) events of another class") }
        if eventsWithoutOffset > 0 { lines.append("left out       \(eventsWithoutOffset) events without an offset") }
        lines.append("signals        \(signals)" + Self.remark(unobservedSignals, "outside the span"))
        lines.append("")
        lines.append("within       found  recall  95 % interval   precision  F1")
        for level in levels {
            lines.append(
                left(String(format: "%g s", level.withinSeconds), 12) + right("\(level.found)", 6)
                    + right(share(level.recall), 8) + right("\(share(level.recallLow))–\(share(level.recallHigh))", 15)
                    + right(share(level.precision), 12) + right(share(level.f1), 7))
        }
        lines.append("")
        if let delay = delaySeconds {
            lines.append(
                String(
                    format: "delay          %.3f s median, quartiles %.3f to %.3f, all %.3f to %.3f", delay.median,
                    delay.lowerQuartile, delay.upperQuartile, delay.minimum, delay.maximum))
        }
        if let rate = falseAlarmsPerDayPerSymbol, let quietDays {
            lines.append(
                String(
                    format: "false alarms   %d in %.2f symbol-days: %.3f a day a symbol", falseAlarms, quietDays, rate))
        } else {
            lines.append("false alarms   \(falseAlarms); a day: unknown without a span (--span)")
        }
        return lines.joined(separator: "\n")
    }

    private static func remark(_ count: Int, _ what: String) -> String { count > 0 ? ", and \(count) \(what)" : "" }
}
