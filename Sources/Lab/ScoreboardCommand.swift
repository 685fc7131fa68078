import Runtime
import Wire
import ArgumentParser
import Detection
import Evaluation
import Foundation
import Microstructure
import Simulation

/// `microlab scoreboard`: how many events planted in synthetic markets each profile finds.
package struct ScoreboardCommand: AsyncParsableCommand {
    package static let configuration = CommandConfiguration(
        commandName: "scoreboard",
        abstract: "Scores detector profiles on synthetic markets: recall, delay, false alarms, by event type and size.",
        discussion: """
            Each SPEC (as of `microlab synth`) is simulated and put through the feature engine and a detector bank for each \
            profile, as live. An event counts as found by the first signal of its market within 10, 30 or 60 s of its start; \
            a false alarm is a signal from no event's start, less 60 s, to 300 s after its end. "By chance" is how often \
            false alarms at their own rate would have found an event within 60 s. Writes Markdown.

            Exit code: 0; 73 the file cannot be created; 74 writing failed; 78 a SPEC or a profile is wrong; 130 interrupted.
            """)

    @Argument(help: "Specifications, JSON.") var specifications: [String]
    @Option(help: "Profiles, comma-separated: calibrated, events, classic, or files.") var profiles =
        "classic,calibrated,events"
    @Option(help: "The file to write; - is standard output.") var out = "-"
    @Flag(help: "Replace the file if it exists.") var force = false

    package init() {}

    package func validate() throws {
        guard !specifications.isEmpty else { throw ValidationError("name at least one specification") }
    }

    package func run() async throws {
        do {
            Interrupt.watch()
            let names = profiles.split(separator: ",").map { $0.trimmingCharacters(in: .whitespaces) }
            guard !names.isEmpty else { throw ConfigurationError(setting: "--profiles", problem: "names none") }
            let loaded = try names.map { (name) throws(ConfigurationError) in try Lab.profile(name) }
            let files = try specifications.map { (path) throws(ConfigurationError) in
                (path, try JSONFile.load(path, setting: "SPEC") as SyntheticSpecification)
            }
            let results = try await Self.results(of: files, loaded)
            var output = try OutputFile(path: out, replacesExisting: force, sources: specifications)
            try output.write(Array(Scoreboard(profiles: names, results: results).markdown.utf8))
            try output.close()
        } catch let error as ConfigurationError {
            Lab.say("microlab: \(error)")
            throw ExitCode(78)
        } catch {
            throw Lab.failure(error)
        }
    }

    /// Results in the order of the files; runs one scenario per core at a time.
    private static func results(
        of files: [(String, SyntheticSpecification)], _ profiles: [Profile]
    ) async throws -> [ScenarioResult] {
        try await withThrowingTaskGroup(of: (Int, ScenarioResult).self) { group in
            for (index, (path, specification)) in files.enumerated() {
                group.addTask {
                    let name = URL(filePath: path).deletingPathExtension().lastPathComponent
                    return (index, try ScenarioResult(name: name, specification, profiles))
                }
            }
            var results: [(Int, ScenarioResult)] = []
            for try await result in group {
                results.append(result)
                Lab.say("\(result.1.name): \(result.1.events.count) events, \(result.1.hours) h")
            }
            return results.sorted { $0.0 < $1.0 }.map(\.1)
        }
    }
}

/// The events of one scenario, and each profile's detections.
struct ScenarioResult: Sendable {
    struct Event: Sendable {
        let type: PlantedEventType
        let size: Double
        let label: EventScore.Event
    }

    let name: String
    private(set) var events: [Event] = []
    /// For each profile.
    private(set) var detections: [[EventScore.Detection]]
    let spans: [EventScore.Span]
    let hours: Double

    init(name: String, _ specification: SyntheticSpecification, _ profiles: [Profile]) throws {
        self.name = name
        hours = specification.durationSeconds / 3_600
        detections = profiles.map { _ in [] }
        var feed = SyntheticFeed(specification)
        let instruments = feed.instruments
        let schema = FeatureSchema()
        var engines = instruments.enumerated().map { FeatureEngine(instrument: $1, id: InstrumentID($0)) }
        var banks = try profiles.map { profile in
            try instruments.map {
                try DetectorBank(venue: $0.venue, symbol: $0.symbol, schema: schema, profile: profile)
            }
        }
        var batch = EventBatch()
        var signals: [Signal] = []
        while feed.next(into: &batch) {
            if Interrupt.isRequested { throw CancellationError() }
            for event in batch.events {
                let market = event.instrument.index
                guard let header = engines[market].process(event, levels: batch.levels.span) else { continue }
                for profile in profiles.indices {
                    let values = engines[market].values
                    banks[profile][market].process(
                        values.span, header: header, clockErrorNanoseconds: nil, into: &signals)
                    for signal in signals {
                        detections[profile].append(
                            EventScore.Detection(symbol: signal.symbol, timeNanoseconds: signal.detected.nanoseconds))
                    }
                    signals.removeAll(keepingCapacity: true)
                }
            }
            batch.removeAll()
        }
        let start = specification.startTime
        for (index, instrument) in instruments.enumerated() {
            for event in feed.planted(in: InstrumentID(index)) {
                events.append(
                    Event(
                        type: event.type, size: event.size,
                        label: EventScore.Event(
                            symbol: instrument.symbol,
                            startNanoseconds: start.advanced(byNanoseconds: event.start).nanoseconds,
                            endNanoseconds: start.advanced(byNanoseconds: event.end).nanoseconds)))
            }
        }
        spans = instruments.map {
            EventScore.Span(
                symbol: $0.symbol, startNanoseconds: start.nanoseconds, endNanoseconds: feed.time.nanoseconds)
        }
    }

    static let rules = EventScore.Rules(
        withinSeconds: [10, 30, 60], excludedBeforeSeconds: 60, excludedAfterSeconds: 300)

    /// The score over all wanted events.
    func score(profile: Int, where isWanted: (Event) -> Bool = { _ in true }) -> EventScore {
        EventScore(
            events: events.filter(isWanted).map(\.label), detections: detections[profile], spans: spans,
            rules: Self.rules)
    }
}

/// The tables of a scoreboard.
struct Scoreboard {
    let profiles: [String]
    let results: [ScenarioResult]

    var markdown: String { recall + "\n" + alarms }

    /// A line for each type and size of a scenario.
    private var recall: String {
        var lines = [
            "| event | size | n |"
                + profiles.map { " \($0): in 10 s | 30 s | 60 s | by chance | median delay |" }.joined()
        ]
        lines.append("|---|---:|---:|" + profiles.map { _ in "---:|---:|---:|---:|---:|" }.joined())
        for result in results {
            for type in PlantedEventType.allCases {
                for size in Set(result.events.filter { $0.type == type }.map(\.size)).sorted() {
                    let scores = profiles.indices.map { profile in
                        result.score(profile: profile) { $0.type == type && $0.size == size }
                    }
                    var line = "| \(type.rawValue) | \(String(format: "%g", size)) | \(scores[0].events) |"
                    for (profile, score) in scores.enumerated() {
                        let rate = result.score(profile: profile).falseAlarmsPerDay ?? .nan
                        let chance = 1 - exp(-rate * 60 / 86_400)
                        line += score.levels.map { " \(Self.share($0.recall)) |" }.joined()
                        line += " \(Self.share(chance)) |"
                        line += score.delayQuantile(0.5).map { String(format: " %.1f s |", $0) } ?? " - |"
                    }
                    lines.append(line)
                }
            }
        }
        return lines.joined(separator: "\n") + "\n"
    }

    /// A line for each scenario.
    private var alarms: String {
        var lines = [
            "| scenario | quiet hours |" + profiles.map { " \($0): false alarms | a day and symbol |" }.joined()
        ]
        lines.append("|---|---:|" + profiles.map { _ in "---:|---:|" }.joined())
        for result in results {
            let scores = profiles.indices.map { result.score(profile: $0) }
            lines.append(
                "| \(result.name) | \(String(format: "%.1f", (scores[0].quietDays ?? 0) * 24)) |"
                    + scores.map {
                        " \($0.falseAlarms) | \($0.falseAlarmsPerDay.map { String(format: "%.0f", $0) } ?? "-") |"
                    }.joined())
        }
        return lines.joined(separator: "\n") + "\n"
    }

    private static func share(_ value: Double) -> String { value.isNaN ? "-" : String(format: "%.2f", value) }
}
