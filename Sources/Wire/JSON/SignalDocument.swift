import Detection
import Foundation

/// A signal as JSON: the body of the REST answers, of the live stream and of the webhook.
public struct SignalDocument: Codable, Sendable, Equatable {
    public struct EvidenceDocument: Codable, Sendable, Equatable {
        public var detector: String
        public var metric: String
        public var statistic: Double?
        public var threshold: Double?
        /// Its part of the score; the parts sum to the score.
        public var share: Double
        /// Over how many seconds the metric was compared with its last minutes, and its multiple of them.
        public var horizonSeconds: Int?
        public var factor: Double?

        enum CodingKeys: String, CodingKey {
            case detector, metric, statistic, threshold, share, factor
            case horizonSeconds = "horizon_seconds"
        }
    }

    public var id: String
    /// Detection time, seconds since 1970.
    public var timestamp: Double
    /// `drift`, `burst`, `regime_change`, or what a program posted.
    public var signalType: String
    /// 0 to 1.
    public var score: Double
    public var symbol: String
    public var venue: String?
    public var metric: String?
    /// `up` or `down`; absent where the metric has no side.
    public var direction: String?
    /// The dynamic threshold that the score passed.
    public var threshold: Double?
    public var probability: Double?
    /// Estimated start of the change, seconds since 1970.
    public var onset: Double?
    public var validity: String?
    /// What kind of event it is, finer than the type, and how probable that is among those that the profile knows.
    public var subtype: String?
    public var subtypeProbability: Double?
    public var evidence: [EvidenceDocument]?

    public init(id: String, timestamp: Double, signalType: String, score: Double, symbol: String) {
        self.id = id
        self.timestamp = timestamp
        self.signalType = signalType
        self.score = score
        self.symbol = symbol
    }

    /// Whether a signal can have this type.
    public static func isType(_ text: String) -> Bool { SignalType(rawValue: text) != nil }

    /// What to answer to a text that is no type.
    public static func refusal(ofType text: String) -> String {
        "type='\(text)' is no signal type; it is written like drift or buy_imbalance"
    }

    /// A JSON number cannot be NaN or infinite; such values are left out.
    public init(_ proto: ProtoSignal) {
        func finite(_ value: Double) -> Double? { value.isFinite ? value : nil }
        self.init(
            id: proto.id, timestamp: Double(proto.detectedTimeNs) / 1e9, signalType: proto.type,
            score: finite(proto.score) ?? 0, symbol: proto.symbol)
        venue = proto.venue
        metric = proto.metric
        switch proto.direction {
        case .up: direction = "up"
        case .down: direction = "down"
        case .unspecified, .UNRECOGNIZED: direction = nil
        }
        threshold = finite(proto.threshold)
        probability = proto.hasProbability ? finite(proto.probability) : nil
        onset = Double(proto.onsetTimeNs) / 1e9
        switch proto.validity {
        case .valid: validity = "VALID"
        case .resyncing: validity = "RESYNCING"
        case .stale: validity = "STALE"
        case .unspecified, .UNRECOGNIZED: validity = nil
        }
        subtype = proto.subtype.isEmpty ? nil : proto.subtype
        subtypeProbability = proto.hasSubtypeProbability ? finite(proto.subtypeProbability) : nil
        evidence = proto.evidence.map {
            EvidenceDocument(
                detector: $0.detector, metric: $0.metric, statistic: finite($0.statistic),
                threshold: finite($0.threshold), share: finite($0.share) ?? 0,
                horizonSeconds: $0.horizonS > 0 ? Int($0.horizonS) : nil,
                factor: $0.hasFactor ? finite($0.factor) : nil)
        }
    }

    enum CodingKeys: String, CodingKey {
        case id, timestamp, score, symbol, venue, metric, direction, threshold, probability, onset, validity, evidence
        case subtype
        case signalType = "signal_type"
        case subtypeProbability = "subtype_probability"
    }
}
