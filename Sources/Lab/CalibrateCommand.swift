import Runtime
import Tape
import ArgumentParser
import Detection
import Foundation
import Microstructure
import Simulation
import Wire

/// `microlab calibrate`: fits a profile to a budget of signals.
package struct CalibrateCommand: AsyncParsableCommand {
    package static let configuration = CommandConfiguration(
        commandName: "calibrate",
        abstract: "Learns a detector profile from tapes that keeps to a number of signals a day and symbol.",
        discussion: """
            Learns how surprising every detector's statistic is on these tapes, and how much evidence a signal must have \
            for the budget. What happens on the tapes counts as nothing happening: leave out what is to be found. The \
            detector goes on steering the threshold to the budget while it runs (--gain; 0 leaves it fixed).

            --base events takes the built-in signatures of events and weighs them anew for these markets. --teach TAPE=EVENTS \
            learns signatures from known events instead: EVENTS is CSV with symbol, label_time_utc, end_utc, class, and size \
            and direction (buy or sell) where known, as microlab synth --truth writes it. Give --teach for each such tape; its \
            first ten minutes only warm up.

            Exit code: 0; 1 a tape is damaged or holds records that cannot be read, and the profile is of the rest; 64 usage; \
            65 the tapes hold too little for the budget, or cannot reach it (the message says what is possible); 66 a tape \
            cannot be opened; 73 the file cannot be created; 74 reading or writing failed; 78 a setting is wrong; 130 \
            interrupted.
            """)

    @OptionGroup var options: TapesOptions
    @Option(help: "Signals a day and symbol: 4/day, 1/hour, or a number of them a day.") var budget = "24/day"
    @Option(help: "Which part of each tape's time to take, as begin:end of 0 to 1.") var part = "0:1"
    @Option(help: "What one signal raises the threshold by while running, as a share of it.")
    var gain = Profile.Budget.standardGain
    @Option(
        help:
            "A profile to take signatures, detectors and settings from: events, calibrated or a file (default: the standard detectors; with --teach, none)."
    )
    var base: String?
    @Option(help: ArgumentHelp("A tape with known events, to learn their signatures.", valueName: "tape=events"))
    var teach: [String] = []
    @Option(help: "Seed of the bootstrap.") var seed: UInt64 = 1
    @Flag(
        help:
            "Take tapes too short for the budget: the threshold is then extrapolated, and only steering makes it keep.")
    var extrapolate = false

    package init() {}

    /// Most memory for what is calibrated on.
    static let byteLimit = 4 << 30

    package func run() async throws {
        do {
            try calibrate()
        } catch let error as Calibration.Failure {
            Lab.say("microlab: \(error)")
            throw ExitCode(65)
        } catch {
            throw Lab.failure(error)
        }
    }

    private func calibrate() throws {
        Interrupt.watch()
        let signalsPerDay = try Self.signalsPerDay(budget)
        let share = try Self.range(part)
        guard (0...1).contains(gain) else {
            throw ConfigurationError(setting: "--gain", problem: "\(gain) is not within 0 to 1")
        }
        let lessons = try teach.map(Self.taughtTape)
        guard Set(lessons.flatMap(\.events).map(\.kind)).count <= EventLesson.kindLimit else {
            throw ConfigurationError(setting: "--teach", problem: "more than \(EventLesson.kindLimit) kinds of events")
        }
        var base =
            try base.map { (name) throws(ConfigurationError) in try Lab.profile(name) }
            ?? (lessons.isEmpty ? .uncalibrated : .untaught)
        if base.events == nil, !lessons.isEmpty { base.events = EventWatch() }
        // Before the long work: a file that cannot be written is told at once, and a tape is never replaced.
        let taught = try lessons.flatMap { try [$0.labels] + TapeReader(path: $0.path).segments.map(\.path) }
        let sources = try options.sources() + taught
        var output = try OutputFile(path: options.out, replacesExisting: options.force, sources: sources)
        var (series, isWhole) = try read(base, share)
        guard !series.isEmpty else {
            Lab.say("microlab: no valid feature vectors on the tapes")
            throw ExitCode(isWhole ? 65 : 1)
        }
        let lesson = try lessons.isEmpty ? nil : lesson(of: lessons, base, isWhole: &isWhole)
        let bar = ProgressBar(total: 1_000_000, always: options.progress)
        let calibration = try Calibration(
            series, base: base, signalsPerDay: signalsPerDay, gain: gain, extrapolates: extrapolate, lesson: lesson
        ) {
            try bar.update(Int($0 * 1_000_000))
        }
        bar.finish()
        try output.write(try ProfileFile.encode(calibration.profile))
        try output.close()
        report(calibration, series, signalsPerDay)
        guard isWhole else { throw ExitCode(1) }
    }

    /// A tape with known events.
    private struct TaughtTape {
        let path: String
        /// The file of the events.
        let labels: String
        let events: [TaughtEvent]
    }

    private static func taughtTape(_ text: String) throws -> TaughtTape {
        guard let equals = text.lastIndex(of: "=") else {
            throw ConfigurationError(setting: "--teach", problem: "\(text) is not written TAPE=EVENTS")
        }
        let path = String(text[text.index(after: equals)...])
        let rows = try EventRows(path: path, classes: [], offsetColumn: nil, readsSpans: false)
        guard rows.kinds.count == rows.events.count else {
            throw ConfigurationError(setting: "--teach", problem: "\(path) has no column class: what the events are")
        }
        let events = try zip(rows.events, rows.kinds).map { event, label in
            guard let kind = EventKind(rawValue: label.name) else {
                throw ConfigurationError(
                    setting: "--teach", problem: "\(path): " + SignalDocument.refusal(ofType: label.name))
            }
            guard let direction = ["buy": Direction.up, "sell": .down, "": .unsided][label.direction] else {
                throw ConfigurationError(
                    setting: "--teach",
                    problem: "\(path): the direction '\(label.direction)' is neither buy, sell nor empty")
            }
            let start = Timestamp(nanoseconds: event.startNanoseconds)
            return TaughtEvent(
                symbol: event.symbol, kind: kind, start: start,
                // An event without an end lasts a minute.
                end: event.endNanoseconds.map { Timestamp(nanoseconds: $0) }
                    ?? start.advanced(byNanoseconds: 60_000_000_000),
                size: label.size, direction: direction)
        }
        return TaughtTape(path: String(text[..<equals]), labels: path, events: events)
    }

    private func lesson(of tapes: [TaughtTape], _ base: Profile, isWhole: inout Bool) throws -> EventLesson {
        let schema = FeatureSchema()
        var lesson = EventLesson(base.events ?? EventWatch(), events: tapes.flatMap(\.events))
        for tape in tapes {
            lesson.startTape()
            var reader = try TapeReader(path: tape.path)
            var vectors = TapeVectors(symbols: options.symbols.names)
            let bar = ProgressBar(total: reader.segments.reduce(0) { $0 + Int($1.byteCount) }, always: options.progress)
            while let record = try reader.next() {
                try bar.update(Int(reader.bytesRead))
                guard let vector = vectors.process(record), vector.header.validity == .valid else { continue }
                let market = vectors.markets[vector.market]
                guard base.trustsClock(errorNanoseconds: market.clockErrorNanoseconds) else { continue }
                try lesson.process(
                    market.engine.values.span, header: vector.header, market: vector.market,
                    symbol: market.instrument.symbol, schema: schema, events: tape.events)
            }
            bar.finish()
            isWhole = Lab.saysWhole(reader.problems, refused: vectors.refused) && isWhole
        }
        for (kind, seconds) in lesson.seconds {
            let count = tapes.reduce(0) { $0 + $1.events.count { $0.kind == kind } }
            let note = Double(seconds) < EventLesson.leastSeconds ? ", too few: left out" : ""
            Lab.say("\(kind): \(seconds) seconds of \(count) events\(note)")
        }
        return lesson
    }

    /// The series that the detectors of `base` need from the tapes, and whether no data was lost.
    private func read(
        _ base: Profile, _ share: ClosedRange<Double>
    ) throws -> (series: [CalibrationSeries], isWhole: Bool) {
        let wanted = options.symbols.names
        let schema = FeatureSchema()
        let places = try Self.features(of: base).map { feature throws(ProfileError) in
            guard let place = schema.index(of: feature) else { throw .missingColumn(feature) }
            return place
        }
        let columns = places.map { schema.columns[$0] }
        var all: [CalibrationSeries] = []
        var isWhole = true
        let bytesPerVector = CalibrationSeries.bytesPerVector(
            columns: columns.count, detectors: base.detectors.count)
        var bytes = 0
        for tape in options.tapes {
            let times = try Self.span(of: tape, share)
            var reader = try TapeReader(path: tape, times: times)
            var vectors = TapeVectors(symbols: wanted)
            var series: [CalibrationSeries] = []
            let bar = ProgressBar(total: reader.segments.reduce(0) { $0 + Int($1.byteCount) }, always: options.progress)
            while let record = try reader.next() {
                try bar.update(Int(reader.bytesRead))
                guard let vector = vectors.process(record) else { continue }
                while series.count < vectors.markets.count {
                    let instrument = vectors.markets[series.count].instrument
                    series.append(
                        CalibrationSeries(venue: instrument.venue, symbol: instrument.symbol, columns: columns))
                }
                guard vector.header.validity == .valid, times.contains(vector.header.times.receive) else { continue }
                let market = vectors.markets[vector.market]
                guard base.trustsClock(errorNanoseconds: market.clockErrorNanoseconds) else { continue }
                bytes += bytesPerVector
                guard bytes <= Self.byteLimit else {
                    throw ConfigurationError(
                        setting: "TAPES", problem: "more than fits in memory; take fewer, or a --part of each")
                }
                let values = market.engine.values
                series[vector.market].append(places.map { values[$0] }, header: vector.header)
            }
            bar.finish()
            isWhole = Lab.saysWhole(reader.problems, refused: vectors.refused) && isWhole
            all += series.filter { !$0.headers.isEmpty }
        }
        return (all, isWhole)
    }

    private func report(_ calibration: Calibration, _ series: [CalibrationSeries], _ signalsPerDay: Double) {
        let days = calibration.days
        let counts = calibration.blockCounts
        // Blocks of six hours on average: neighbouring hours are similarly active.
        let interval =
            Bootstrap(meanBlockLength: 6, seed: seed).interval(count: counts.count) { places in
                Double(places.reduce(0) { $0 + counts[$1] }) / days
            } ?? 0...0
        let vectors = series.reduce(0) { $0 + $1.headers.count }
        let rate = Double(calibration.signalCount) / days
        Lab.say(
            String(
                format: "%d vectors of %d market(s), %.2f days of valid data, %.1f vectors a second", vectors,
                series.count,
                days, Double(vectors) / days / 86_400))
        Lab.say("")
        Lab.say("detector                          own threshold   under independent noise")
        let vectorsPerAlarm = Double(vectors) / days / signalsPerDay
        for finding in calibration.findings {
            let name = "\(finding.name.kind.rawValue) \(finding.name.feature)".padding(
                toLength: 34, withPad: " ", startingAt: 0)
            guard let threshold = finding.threshold else {
                Lab.say(name + "left out: \(finding.omission ?? "no tail")")
                continue
            }
            var line = name + String(format: "%13.4g", threshold)
            if finding.name.kind == .cusum,
                let h = AverageRunLength.threshold(
                    observations: vectorsPerAlarm, drift: calibration.profile.cusumDrift)
            {
                line += String(format: "   h = %.2f", h)
            }
            Lab.say(line)
        }
        Lab.say("")
        Lab.say(
            String(
                format: "evidence that a signal needs: %.2f nats, then steered by %.3g of it a signal",
                calibration.profile.budget?.evidenceThreshold ?? .nan, gain))
        Lab.say(
            String(
                format: "asked %.4g signals a day and symbol; on these tapes %.4g (95 %% interval %.4g to %.4g, "
                    + "stationary bootstrap of hours, seed %llu)", signalsPerDay, rate, interval.lowerBound,
                interval.upperBound, seed))
    }

    private static func features(of profile: Profile) -> [String] {
        var features: [String] = []
        for feature in profile.detectors.map(\.name.feature) + (profile.events?.columns.map(\.feature) ?? [])
        where !features.contains(feature) {
            features.append(feature)
        }
        return features
    }

    private static func span(of tape: String, _ share: ClosedRange<Double>) throws -> ClosedRange<Timestamp> {
        guard share != 0...1 else { return TapeReader.always }
        guard let times = try TapeReader(path: tape).extent else {
            throw ConfigurationError(
                setting: "--part", problem: "\(tape) has a segment without an index: how long it is is not known")
        }
        let length = Double(times.upperBound.nanoseconds(since: times.lowerBound))
        return times.lowerBound.advanced(
            byNanoseconds: Int64(length * share.lowerBound))...times.lowerBound.advanced(
                byNanoseconds: Int64(length * share.upperBound))
    }

    /// `4/day`, `1/hour` or `4`.
    static func signalsPerDay(_ text: String) throws(ConfigurationError) -> Double {
        let parts = text.split(separator: "/", omittingEmptySubsequences: false)
        let units = ["day": 1.0, "hour": 24, "minute": 1440]
        guard (1...2).contains(parts.count), let number = Double(parts[0]),
            let unit = parts.count == 1 ? 1 : units[String(parts[1])], (0.01...100_000).contains(number * unit)
        else {
            throw ConfigurationError(
                setting: "--budget", problem: "\(text) is no rate such as 4/day or 1/hour, from 0.01 to 100,000 a day")
        }
        return number * unit
    }

    static func range(_ text: String) throws(ConfigurationError) -> ClosedRange<Double> {
        let ends = text.split(separator: ":").compactMap { Double($0) }
        guard ends.count == 2, ends[0] >= 0, ends[0] < ends[1], ends[1] <= 1 else {
            throw ConfigurationError(setting: "--part", problem: "\(text) is no range such as 0:0.5")
        }
        return ends[0]...ends[1]
    }
}
