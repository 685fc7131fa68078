import Runtime
import Tape
import ArgumentParser
import Detection
import Foundation
import Microstructure
import Wire

/// `microlab explain`: why there was a signal, or why there was none.
package struct ExplainCommand: AsyncParsableCommand {
    package static let configuration = CommandConfiguration(
        commandName: "explain",
        abstract: "Shows every detector at a signal, or at a moment of a tape, and draws the 30 seconds before.",
        discussion: """
            microlab explain TAPE@TIME, or microlab explain SIGNAL-ID --tape TAPE. TIME is ISO 8601 or a count since 1970 \
            in seconds to nanoseconds. The detectors are run over the tape from its begin with --profile, as live.

            Exit code: 0; 1 the tape is damaged up to that moment, and what is shown is of the rest; 64 usage; 65 the tape holds nothing at that moment, or the signal is not found on it with this \
            profile; 66 it cannot be opened; 73 the picture cannot be created; 74 reading or writing failed; 78 the \
            profile is wrong.
            """)

    @Argument(help: "A signal's id, or TAPE@TIME.") var what: String
    @Option(help: "The tape of a signal's id.") var tape: String?
    @Option(help: "calibrated, events, classic, or a profile's file.") var profile = "calibrated"
    @Option(help: "The symbol, where TAPE@TIME has several; that of a signal's id is its own.") var symbol: SymbolList?
    @Option(help: "Seconds to draw.") var seconds = 30.0
    @Option(help: "Write the picture to this file (SVG).") var svg: String?
    @Flag(help: "Replace the picture if it exists.") var force = false

    package init() {}

    package func run() async throws {
        do {
            try explain()
        } catch {
            throw Lab.failure(error)
        }
    }

    private func explain() throws {
        guard (1...3600).contains(seconds) else { throw ValidationError("--seconds is 1 to 3600") }
        guard svg != nil || !force else {
            throw ValidationError("--force has no effect: no picture is written; give --svg FILE")
        }
        let (path, moment, id, symbolOfSignal) = try target()
        let profile = try Lab.profile(profile)
        let wanted = symbolOfSignal.map { [$0] } ?? symbol.names
        guard symbol == nil || symbol.names == wanted else {
            throw ValidationError("the signal \(what) is of \(wanted.joined()), not of --symbol")
        }
        var reader = try TapeReader(path: path)
        var detection = try TapeDetection(symbols: wanted, profile: profile)
        var history = ExplanationHistory(seconds: seconds)
        var found: Signal?
        var market: Int?
        var isReached = reader.extent.map { $0.upperBound >= moment } ?? false
        while let record = try reader.next() {
            let signals = try detection.process(record)
            guard let vector = detection.lastVector else { continue }
            let time = vector.header.times.receive
            guard time <= moment else {
                isReached = true
                break
            }
            if let id { found = signals.first { $0.id == id } ?? found } else { found = signals.last }
            guard market == nil || market == vector.market else {
                throw ValidationError("the tape has several symbols; say which with --symbol")
            }
            market = vector.market
            isReached = isReached || time == moment
            history.append(detection.banks[vector.market], values: detection.values(of: vector.market), at: time)
        }
        let isWhole = Lab.saysWhole(reader.problems, refused: detection.vectors.refused)
        guard let market, !history.points.isEmpty else {
            Lab.say("microlab: \(path) holds no feature vector up to that moment")
            throw ExitCode(isWhole ? 65 : 1)
        }
        guard isReached else {
            let end = history.points.last.map { Moment.text($0.time) } ?? "nothing"
            Lab.say("microlab: \(Moment.text(moment)) lies beyond \(path), whose last feature vector is of \(end)")
            throw ExitCode(isWhole ? 65 : 1)
        }
        if let id, found == nil {
            Lab.say(
                "microlab: with this profile the tape gives no signal \(id); its state at that moment follows. "
                    + "A signal of a live run needs the tape from where that run began")
        }
        try StandardOutput.show(history.text(detection.banks[market], found))
        if let svg {
            var output = try OutputFile(path: svg, replacesExisting: force, sources: reader.segments.map(\.path))
            try output.write(Array(history.svg(symbol: detection.banks[market].symbol, found).utf8))
            try output.close()
        }
        if id != nil, found == nil { throw ExitCode(65) }
        guard isWhole else { throw ExitCode(1) }
    }

    /// The tape, the moment to explain, and for a signal its id and symbol.
    private func target() throws -> (path: String, moment: Timestamp, id: String?, symbol: String?) {
        if let at = what.lastIndex(of: "@") {
            let text = String(what[what.index(after: at)...])
            guard let moment = Moment(argument: text) else {
                throw ValidationError("\(text) is no time: ISO 8601, or a count since 1970")
            }
            guard tape == nil else {
                throw ValidationError("--tape has no effect: \(what) names the tape; leave one of the two out")
            }
            return (String(what[..<at]), moment.time, nil, nil)
        }
        let parts = what.split(separator: "-", omittingEmptySubsequences: false)
        guard parts.count >= 3, parts[0].count == 16, let nanoseconds = UInt64(parts[0], radix: 16) else {
            throw ValidationError("\(what) is neither TAPE@TIME nor a signal's id such as 17e9…-BTCUSDT-drift")
        }
        guard let tape else { throw ValidationError("the signal \(what) is looked for on a tape: give --tape") }
        let time = Timestamp(nanoseconds: Int64(bitPattern: nanoseconds))
        return (tape, time, what, parts[1..<(parts.count - 1)].joined(separator: "-"))
    }
}
