import Foundation
public import Microstructure

/// A signal's evidence in words and numbers.
public struct SignalExplanation: Codable, Sendable, Equatable {
    /// One detector's part.
    public struct Finding: Codable, Sendable, Equatable {
        public var detector: String
        /// The column that the detector watches.
        public var feature: String
        /// What the column measures.
        public var meaning: String
        /// The finding as a sentence.
        public var text: String
        public var statistic: Double?
        public var threshold: Double?
        /// The statistic as a multiple of its threshold.
        public var ratio: Double?
        /// Its part of the score; `fraction` is that part relative to the score.
        public var share: Double
        public var fraction: Double?
        public var horizonSeconds: Int?
        public var factor: Double?

        var isBeyondThreshold: Bool { (ratio ?? 0) >= 1 }

        private enum CodingKeys: String, CodingKey {
            case detector
            case feature = "metric"
            case meaning, text, statistic, threshold, ratio, share, fraction, factor
            case horizonSeconds = "horizon_seconds"
        }
    }

    /// What happened, in two or three sentences.
    public var summary: String
    /// The findings, largest share first.
    public var findings: [Finding]
    /// Reasons to doubt the signal.
    public var cautions: [String]

    /// - Parameter schema: where the columns' meanings are read; a column that it lacks is called by its name.
    public init(_ signal: SignalDocument, schema: FeatureSchema = FeatureSchema()) {
        findings = (signal.evidence ?? []).sorted { $0.share > $1.share }.map {
            Finding($0, ofScore: signal.score, schema)
        }
        summary = Self.summary(signal, findings)
        cautions = Self.cautions(signal)
    }

    private static func summary(_ signal: SignalDocument, _ findings: [Finding]) -> String {
        let time = Date(timeIntervalSince1970: signal.timestamp)
            .formatted(Date.ISO8601FormatStyle(includingFractionalSeconds: true))
        let subtype = signal.subtype.map { " (\($0.replacing("_", with: " ")))" } ?? ""
        var text = "\(kind(of: signal.signalType))\(subtype) in \(signal.symbol) at \(time)"
        if let side = signal.direction { text += ", towards \(side == "up" ? "buying" : "selling")" }
        text += ". The score is \(number(signal.score)) of 1"
        if let threshold = signal.threshold, threshold > 0 {
            text += "; to count it had to exceed \(number(threshold))"
        }
        text += "."
        if let onset = signal.onset, signal.timestamp > onset {
            text += " It is estimated to have begun \(number(signal.timestamp - onset)) s before."
        }
        guard let first = findings.first else {
            return text + " It carries no evidence of a detector: a program posted it."
        }
        let beyond = findings.count(where: \.isBeyondThreshold)
        switch (beyond, findings.count) {
        case (1, 1): text += " One detector speaks for it. "
        case (0, _): text += " No detector is beyond its own threshold; what they say together is. First of all: "
        case (1, _): text += " One of \(findings.count) detectors is beyond its threshold. First of all: "
        default: text += " \(beyond) of \(findings.count) detectors are beyond their thresholds. First of all: "
        }
        return text + first.text
    }

    private static func cautions(_ signal: SignalDocument) -> [String] {
        var cautions: [String] = []
        if let validity = signal.validity, validity != "VALID" {
            cautions.append("The book was \(validity), not VALID, when it was detected.")
        }
        if let probability = signal.probability {
            cautions.append("With nothing going on, as much is seen with a probability of \(number(probability)).")
        } else if signal.evidence != nil {
            cautions.append("The score is a convention, not a probability: this profile states none.")
        }
        return cautions
    }

    private static func kind(of type: String) -> String {
        switch type {
        case "drift": "A drift"
        case "burst": "A burst"
        case "regime_change": "A change of regime"
        default: "'\(type)'"
        }
    }

    /// Three significant digits, without an exponent where a plain number is as short.
    static func number(_ value: Double) -> String { String(format: "%.3g", value) }
}

extension SignalExplanation.Finding {
    init(_ evidence: SignalDocument.EvidenceDocument, ofScore score: Double, _ schema: FeatureSchema) {
        detector = evidence.detector
        feature = evidence.metric
        meaning = schema.column(evidence.metric)?.meaning ?? evidence.metric
        statistic = evidence.statistic
        threshold = evidence.threshold
        share = evidence.share
        fraction = score > 0 ? evidence.share / score : nil
        if let statistic, let threshold, threshold > 0 { ratio = statistic.magnitude / threshold }
        horizonSeconds = evidence.horizonSeconds
        factor = evidence.factor
        text = ""
        text = sentence.prefix(1).uppercased() + sentence.dropFirst()
    }

    /// "the number of takers over 1 s was 8 times the usual over 15 s".
    private func shiftSentence(isDown: Bool, amount: String) -> String {
        let span = horizonSeconds.map { " over \($0) s" } ?? ""
        guard let factor else {
            return "\(meaning) lay \(amount) usual deviations \(isDown ? "below" : "above") its last minutes\(span)"
        }
        return "\(meaning) was \(SignalExplanation.number(factor)) times that of its last minutes\(span), a shift of "
            + "\(amount) usual deviations"
    }

    private var sentence: String {
        let isDown = (statistic ?? 0) < 0
        let amount = statistic.map { SignalExplanation.number($0.magnitude) } ?? "an unknown number of"
        let limit = threshold.map { SignalExplanation.number($0) } ?? "unknown"
        let text =
            switch (detector, isBeyondThreshold) {
            case ("cusum", true):
                "\(meaning) \(isDown ? "fell" : "rose") persistently: its CUSUM stands at \(amount) standard deviations, "
                    + "threshold \(limit)"
            case ("cusum", false):
                "\(meaning): its CUSUM \(isDown ? "down" : "up") stands at \(amount) standard deviations, below its threshold "
                    + limit
            case ("burst", true):
                "\(meaning) jumped to \(amount) standard deviations above its mean, threshold \(limit)"
            case ("burst", false):
                "\(meaning) is \(amount) standard deviations \(isDown ? "below" : "above") its mean, threshold \(limit)"
            case ("shift", _): shiftSentence(isDown: isDown, amount: amount)
            default: "\(detector) on \(meaning) stands at \(amount), threshold \(limit)"
            }
        return text + (fraction.map { String(format: ", %.0f%% of the score.", $0 * 100) } ?? ".")
    }
}
