import Wire
import Foundation

/// The content of one message: one signal or a group of signals.
struct AlertMessage: Sendable {
    struct Group: Sendable, Equatable {
        let symbol: String
        let type: String
        let count: Int
        let highestScore: Double
        var severity = Severity.info
        /// The signal with the highest score.
        var strongest: SignalDocument?
    }

    /// Most UTF-16 units of a digest's lines, markup included: with a title of 256 and `detailsLimit` they fit the
    /// smallest of the services' limits (Slack's block of 3,000, Telegram's and Discord's 4,096).
    static let digestLimit = 2_900
    static let detailsLimit = 700
    /// Most UTF-16 units of one line.
    static let lineLimit = 200

    /// Signals that the message stands for, at least 1.
    let count: Int
    /// All signals of a small group; else the strongest, in their order.
    let signals: [SignalDocument]
    /// All signals counted by symbol and type, the severest first.
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
            groups: [
                .init(
                    symbol: signal.symbol, type: signal.signalType, count: 1, highestScore: signal.score,
                    severity: severity, strongest: signal)
            ],
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

    /// `🔴 BTCUSDT drift × 37, highest score 0.934`, or of a group of one `🔴 12:00:01.250 BTCUSDT drift up, score 0.871`.
    static func line(of group: Group) -> String {
        guard group.count == 1, var signal = group.strongest else {
            return "\(group.severity.mark) \(group.symbol) \(group.type) × \(group.count), highest score "
                + decimal(group.highestScore)
        }
        signal.metric = nil
        return "\(group.severity.mark) \(line(of: signal))"
    }

    /// A digest's lines: one for each group, then the strongest signals of the groups that stand for several.
    /// - Parameter fit: escapes and cuts a line as the service needs it.
    func digest(_ fit: (String) -> String) -> [String] {
        let single = Set(groups.filter { $0.count == 1 }.map { [$0.symbol, $0.type] })
        let details = signals.filter { !single.contains([$0.symbol, $0.signalType]) }.map { fit(Self.line(of: $0)) }
        return [
            MessageText.lines(groups.map { fit(Self.line(of: $0)) }, limit: Self.digestLimit) { "and \($0) more" },
            MessageText.lines(details, limit: Self.detailsLimit) { "and \($0) more" },
        ].filter { !$0.isEmpty }
    }

    /// How many of the groups fit into `digestLimit`, a line each; at least 1.
    static func room(for groups: [Group], _ fit: (String) -> String) -> Int {
        var length = 0
        for (index, group) in groups.enumerated() {
            length += fit(line(of: group)).utf16.count + 1
            if length > digestLimit { return max(1, index) }
        }
        return max(1, groups.count)
    }

    static func time(_ seconds: Double) -> String {
        Date(timeIntervalSince1970: seconds).formatted(Date.ISO8601FormatStyle(includingFractionalSeconds: true))
    }

    static func decimal(_ value: Double) -> String { String(format: "%.3f", value) }
}

extension Severity {
    var mark: String {
        switch self {
        case .info: "🔵"
        case .warning: "🟠"
        case .critical: "🔴"
        }
    }
}
