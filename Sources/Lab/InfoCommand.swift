import Runtime
import Tape
import ArgumentParser
import Foundation
import Microstructure
import Wire

/// `microlab info`: what is on a tape.
package struct InfoCommand: AsyncParsableCommand {
    package static let configuration = CommandConfiguration(
        commandName: "info",
        abstract: "Shows what a tape holds: span, counts, producers, holes, damage.",
        discussion: """
            Every record is read and every checksum checked.

            Exit code: 0; 1 the tape is damaged (a missing index alone is none: the tape may still grow); 65 it holds \
            nothing of what was asked for; 64, 66, 74 as for import.
            """)

    @OptionGroup var selection: TapeSelection
    @Option(help: "Silences longer than this many seconds are listed, 0.001 to 1e6.") var silence = 5.0
    @Flag(help: "As JSON.") var json = false
    @Flag(help: "Show progress also where standard error is no terminal.") var progress = false

    package init() {}

    package func validate() throws {
        guard (0.001...1e6).contains(silence) else { throw ValidationError("--silence must be 0.001 to 1e6") }
    }

    package func run() async throws {
        do {
            try show()
        } catch let code as ExitCode {
            throw code
        } catch {
            throw Lab.failure(error)
        }
    }

    private func show() throws {
        Interrupt.watch()
        var events = try selection.open()
        let bar = ProgressBar(total: Int(clamping: events.byteCount), always: progress)
        var audit = TapeAudit(silenceSeconds: silence)
        while let event = try events.next() {
            audit.add(event)
            if audit.records % 4_096 == 0 { try bar.update(Int(clamping: events.bytesRead)) }
        }
        bar.finish()
        audit.finish()
        let page = TapePage(
            segments: events.segments.map(TapePage.Segment.init), byteCount: events.byteCount, refused: events.refused,
            audit: audit, problems: events.problems.map { "\($0)" })
        if json {
            let encoder = JSONEncoder()
            encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
            try StandardOutput.show(String(decoding: try encoder.encode(page), as: UTF8.self))
        } else {
            try StandardOutput.show(page.text)
        }
        try Lab.report(events.problems, refused: events.refused)
        guard audit.records > 0 || selection.isEverything else { throw selection.nothing }
    }
}

/// The answer of `microlab info`.
private struct TapePage: Encodable {
    struct Segment: Encodable {
        let path: String
        let byteCount: UInt64
        let isClosed: Bool

        init(_ segment: TapeReader.Segment) {
            path = segment.path
            byteCount = segment.byteCount
            isClosed = segment.hasIndex
        }
    }

    let segments: [Segment]
    let byteCount: UInt64
    /// Records that are no message of the bus.
    let refused: Int
    let audit: TapeAudit
    let problems: [String]

    var text: String {
        var lines: [String] = []
        let open = segments.count { !$0.isClosed }
        lines.append("segments    \(segments.count)\(open > 0 ? ", \(open) of them without an index" : "")")
        let ratio = byteCount > 0 ? Double(audit.contentBytes) / Double(byteCount) : 0
        lines.append(
            String(
                format: "size        %.2f MB for %.2f MB of messages (%.1f times smaller)", Double(byteCount) / 1e6,
                Double(audit.contentBytes) / 1e6, ratio))
        lines.append("records     \(audit.records)")
        if let first = audit.firstTimeNs, let last = audit.lastTimeNs {
            let (from, to) = (Timestamp(nanoseconds: first), Timestamp(nanoseconds: last))
            lines.append("received    \(Moment.text(from)) to \(Moment.text(to))")
            lines.append(String(format: "span        %.3f s", Double(to.nanoseconds(since: from)) / 1e9))
        }
        lines.append("")
        lines.append("symbol      kind        count       lost  missed  duplicate  missing ids  epochs")
        for kind in audit.kinds {
            lines.append(
                kind.symbol.padded(11) + " " + kind.kind.padded(8)
                    + String(
                        format: "%9d %10d %7d %10d", kind.count, Int(clamping: kind.lost),
                        Int(clamping: kind.missedAtStart), kind.duplicates)
                    + (kind.kind == "trade" ? String(format: "%13d", Int(kind.missingTradeIDs)) : "            -")
                    + (kind.kind == "book" ? String(format: "%8d", kind.bookEpochs) : "       -"))
        }
        lines.append("")
        for producer in audit.producers {
            lines.append("producer    \(producer.name), epoch \(producer.epoch): \(producer.messages) messages")
        }
        for silence in audit.silences {
            let time = Moment.text(Timestamp(nanoseconds: silence.afterTimeNs))
            lines.append(String(format: "silence     %.3f s after %@", silence.seconds, time))
        }
        if audit.silenceCount > audit.silences.count {
            lines.append("silence     \(audit.silenceCount - audit.silences.count) more")
        }
        if audit.backward > 0 {
            lines.append("order       \(audit.backward) records received before the one above them")
        }
        lines.append(problems.isEmpty && refused == 0 ? "no damage" : "see the problems below")
        return lines.joined(separator: "\n")
    }
}

extension String {
    fileprivate func padded(_ width: Int) -> String {
        count >= width ? self : padding(toLength: width, withPad: " ", startingAt: 0)
    }
}
