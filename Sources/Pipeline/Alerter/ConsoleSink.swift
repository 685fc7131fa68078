import Foundation

/// One line a signal on standard output; coloured on a terminal.
struct ConsoleSink: AlertSink {
    let name = "console"
    private let hasColour = isatty(STDOUT_FILENO) == 1

    func deliver(_ signal: SignalDocument) async throws(DeliveryFailure) {
        let line = Self.line(signal, hasColour: hasColour) + "\n"
        do {
            try FileHandle.standardOutput.write(contentsOf: Data(line.utf8))
        } catch {
            throw DeliveryFailure(reason: "standard output: \(error)", isTemporary: false)
        }
    }

    static func line(_ signal: SignalDocument, hasColour: Bool) -> String {
        let time = Date(timeIntervalSince1970: signal.timestamp).formatted(
            Date.ISO8601FormatStyle(includingFractionalSeconds: true))
        let side = signal.direction ?? "-"
        let colour = signal.direction == "up" ? "32" : signal.direction == "down" ? "31" : "33"
        let head = "\(printable(signal.symbol)) \(printable(signal.signalType)) \(side)"
        let painted = hasColour ? "\u{1B}[1;\(colour)m\(head)\u{1B}[0m" : head
        let score = String(format: "%.3f", signal.score)
        let metric = printable(signal.metric ?? "-")
        return "SIGNAL \(time) \(painted) score=\(score) metric=\(metric) id=\(printable(signal.id))"
    }

    /// Without control characters: a hostile field must not steer the terminal.
    private static func printable(_ text: String) -> String {
        let harmless = text.unicodeScalars.filter { $0.value >= 32 && !(127...159).contains($0.value) }
        return String(String.UnicodeScalarView(harmless))
    }
}
