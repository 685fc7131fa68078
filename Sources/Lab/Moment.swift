import Tape
import ArgumentParser
import Foundation
import Microstructure
import Wire

/// A moment on the command line: ISO 8601 (`2024-08-08T23:54:13Z`), or a count since 1970 in seconds to nanoseconds.
package struct Moment: ExpressibleByArgument, Sendable {
    let time: Timestamp

    package init?(argument: String) {
        let bytes = Array(argument.utf8)
        guard
            let time = RecordingTime.parse(bytes, 0..<bytes.count) ?? RecordingTime.iso8601(bytes, 0..<bytes.count)
        else { return nil }
        self.time = time
    }

    /// UTC, to the millisecond.
    static func text(_ time: Timestamp) -> String {
        let seconds = time.bucket(width: 1_000_000_000)
        let rest = time.nanosecondOfSecond / 1_000_000
        let date = Date(timeIntervalSince1970: Double(seconds))
        return String(date.formatted(.iso8601).dropLast()) + String(format: ".%03dZ", Int(rest))
    }
}

/// The part of a tape that a command reads.
package struct TapeSelection: ParsableArguments {
    @Argument(help: "The tape: a file, or a folder of segments.") var tape: String
    @Option(name: [.long, .customLong("symbol")], help: "Symbols to take, comma-separated (default: all).")
    var symbols: SymbolList?
    @Option(help: "Only what was received at or after this moment (ISO 8601, or a count since 1970).") var from: Moment?
    @Option(help: "Only what was received at or before this moment.") var to: Moment?

    package init() {}

    package func validate() throws {
        if let from, let to, to.time < from.time { throw ValidationError("--to lies before --from") }
    }

    /// Whether the whole tape is selected.
    var isEverything: Bool { names.isEmpty && from == nil && to == nil }

    /// The error for a selection without messages.
    var nothing: ImportError {
        let wanted = names.isEmpty ? "" : " of \(names.joined(separator: ", "))"
        let times = from == nil && to == nil ? "" : " between these times"
        return ImportError(.noUsableData, "\(tape) holds no messages\(wanted)\(times)")
    }

    private var names: [String] { symbols?.names ?? [] }

    func open() throws(TapeError) -> TapeEvents {
        let start = from?.time ?? Timestamp(nanoseconds: .min)
        let end = to?.time ?? Timestamp(nanoseconds: .max)
        return try TapeEvents(path: tape, times: start...end, symbols: symbols.names)
    }
}
