import Wire
import Foundation

/// The content of one message: one signal or a group of signals.
struct AlertMessage: Sendable {
    struct Group: Sendable, Equatable {
        let symbol: String
        let type: String
        let count: Int
        let highestScore: Double
    }

    /// Signals that the message stands for, at least 1.
    let count: Int
    /// All signals of a small group; else the strongest, in their order.
    let signals: [SignalDocument]
    /// All signals counted by symbol and type, most frequent first.
    let groups: [Group]
    /// The highest severity of all signals.
    let severity: Severity

    init(count: Int, signals: [SignalDocument], groups: [Group], severity: Severity) {
        self.count = count
        self.signals = signals
        self.groups = groups
        self.severity = severity
    }

    /// One signal.
    init(_ signal: SignalDocument, severity: Severity) {
        self.init(
            count: 1, signals: [signal],
            groups: [.init(symbol: signal.symbol, type: signal.signalType, count: 1, highestScore: signal.score)],
            severity: severity)
    }

    /// `BTCUSDT drift up`, or `37 signals: BTCUSDT, ETHUSDT`.
    var title: String {
        if count == 1, let signal = signals.first {
            let words = [signal.symbol, signal.signalType, signal.direction ?? ""].filter { !Self.isBlank($0) }
            return words.isEmpty ? "signal" : words.joined(separator: " ")
        }
        var symbols: [String] = []
        for group in groups where !symbols.contains(group.symbol) { symbols.append(group.symbol) }
        let shown = symbols.prefix(5).joined(separator: ", ")
        return "\(count) signals: \(shown)" + (symbols.count > 5 ? " and \(symbols.count - 5) more" : "")
    }

    /// Names and values of one signal's fields.
    static func facts(of signal: SignalDocument) -> [(name: String, value: String)] {
        var facts = [("Score", decimal(signal.score))]
        // 0 is what a message without a threshold or an onset carries.
        if let threshold = signal.threshold, threshold > 0 { facts.append(("Threshold", decimal(threshold))) }
        if let metric = signal.metric { facts.append(("Metric", metric)) }
        if let venue = signal.venue { facts.append(("Venue", venue)) }
        facts.append(("Detected", time(signal.timestamp)))
        if let onset = signal.onset, onset > 0, signal.timestamp - onset > 0.001 {
            let seconds = signal.timestamp - onset
            facts.append(("Began", seconds < 86_400 ? String(format: "%.1f s earlier", seconds) : time(onset)))
        }
        // Services refuse an empty value.
        return facts.filter { !isBlank($0.1) }
    }

    private static func isBlank(_ text: String) -> Bool {
        MessageText.printable(text, limit: 100).allSatisfy(\.isWhitespace)
    }

    /// `12:00:01.250 BTCUSDT drift up, score 0.871, imbalance_10`.
    static func line(of signal: SignalDocument) -> String {
        let side = signal.direction.map { " \($0)" } ?? ""
        let metric = signal.metric.map { ", \($0)" } ?? ""
        let clock = time(signal.timestamp).dropFirst(11).dropLast()
        return "\(clock) \(signal.symbol) \(signal.signalType)\(side), score \(decimal(signal.score))\(metric)"
    }

    /// `BTCUSDT drift × 37, highest score 0.934`.
    static func line(of group: Group) -> String {
        "\(group.symbol) \(group.type) × \(group.count), highest score \(decimal(group.highestScore))"
    }

    static func time(_ seconds: Double) -> String {
        Date(timeIntervalSince1970: seconds).formatted(Date.ISO8601FormatStyle(includingFractionalSeconds: true))
    }

    static func decimal(_ value: Double) -> String { String(format: "%.3f", value) }
}
