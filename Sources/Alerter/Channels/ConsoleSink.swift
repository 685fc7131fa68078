import Runtime
import Wire
import Foundation

/// Writes one line per signal to standard output; coloured on a terminal.
struct ConsoleSink: AlertSink {
    let name = "console"
    let rateLimits: [RateLimit] = []
    /// Most lines written together.
    let groupLimit = 100
    let detailLimit = 100
    private let hasColour = isatty(STDOUT_FILENO) == 1

    func deliver(_ notification: AlertMessage) async throws(DeliveryFailure) -> String {
        let lines = notification.signals.map { Self.line($0, hasColour: hasColour) + "\n" }.joined()
        do {
            try FileHandle.standardOutput.write(contentsOf: Data(lines.utf8))
        } catch {
            throw DeliveryFailure(reason: "standard output: \(error)", cause: .held)
        }
        return "written"
    }

    static func line(_ signal: SignalDocument, hasColour: Bool) -> String {
        let time = AlertMessage.time(signal.timestamp)
        let side = signal.direction ?? "-"
        let colour = signal.direction == "up" ? "32" : signal.direction == "down" ? "31" : "33"
        let head = "\(MessageText.printable(signal.symbol)) \(MessageText.printable(signal.signalType)) \(side)"
        let painted = hasColour ? "\u{1B}[1;\(colour)m\(head)\u{1B}[0m" : head
        let metric = MessageText.printable(signal.metric ?? "-")
        let score = AlertMessage.decimal(signal.score)
        return "SIGNAL \(time) \(painted) score=\(score) metric=\(metric) id=\(MessageText.printable(signal.id))"
    }
}
