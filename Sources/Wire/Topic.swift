public import Microstructure

/// The first frame of a bus message: `kind.venue.symbol[.detail]|`.
///
/// The closing bar stops a subscription to `BTCUSD` from matching `BTCUSDT`.
public struct Topic: Sendable, Hashable, CustomStringConvertible {
    public enum Kind: String, Sendable, Hashable, CaseIterable {
        case tick, feature, signal, detector
    }

    /// What a `tick` topic carries.
    public enum TickDetail: String, Sendable, Hashable, CaseIterable {
        case book, quote, trade, status
    }

    /// The detail of a `feature` topic that carries no vectors.
    private static let schemaDetail = "schema"

    /// Longest topic that is read from the bus.
    public static let byteLimit = 256

    public let kind: Kind
    public let venue: String
    public let symbol: String
    public let detail: String?
    /// `venue.symbol`: what tells one instrument from another.
    public let market: String
    /// The frame as sent.
    public let bytes: [UInt8]

    private init(kind: Kind, venue: String, symbol: String, detail: String?) {
        self.kind = kind
        self.venue = venue
        self.symbol = symbol
        self.detail = detail
        market = "\(venue).\(symbol)"
        let tail = detail.map { ".\($0)|" } ?? "|"
        bytes = Array("\(kind.rawValue).\(venue).\(symbol)\(tail)".utf8)
    }

    /// E.g. `tick.binance.BTCUSDT.book|`.
    public static func tick(_ venue: Venue, _ symbol: String, _ detail: TickDetail) -> Topic {
        Topic(kind: .tick, venue: venue.rawValue, symbol: symbol, detail: detail.rawValue)
    }

    /// E.g. `feature.binance.BTCUSDT|`.
    public static func feature(venue: String, symbol: String) -> Topic {
        Topic(kind: .feature, venue: venue, symbol: symbol, detail: nil)
    }

    /// The schema of the vectors of `feature`, e.g. `feature.binance.BTCUSDT.schema|`.
    public static func featureSchema(venue: String, symbol: String) -> Topic {
        Topic(kind: .feature, venue: venue, symbol: symbol, detail: schemaDetail)
    }

    /// E.g. `signal.binance.BTCUSDT.drift|`.
    public static func signal(venue: String, symbol: String, type: String) -> Topic {
        Topic(kind: .signal, venue: venue, symbol: symbol, detail: type)
    }

    /// E.g. `detector.binance.BTCUSDT|`.
    public static func detector(venue: String, symbol: String) -> Topic {
        Topic(kind: .detector, venue: venue, symbol: symbol, detail: nil)
    }

    /// Parses a received frame; `nil` where it is no topic of this contract.
    public init?(_ frame: [UInt8]) {
        let bar = UInt8(ascii: "|")
        guard frame.count <= Self.byteLimit, frame.last == bar else { return nil }
        let fields = frame.dropLast().split(separator: UInt8(ascii: "."), omittingEmptySubsequences: false)
        guard (3...4).contains(fields.count), fields.allSatisfy({ !$0.isEmpty && !$0.contains(bar) }) else {
            return nil
        }
        let parts = fields.compactMap { String(validating: $0, as: UTF8.self) }
        guard parts.count == fields.count, let kind = Kind(rawValue: parts[0]) else { return nil }
        let detail = parts.count == 4 ? parts[3] : nil
        switch kind {
        case .tick: guard let detail, TickDetail(rawValue: detail) != nil else { return nil }
        case .feature: guard detail == nil || detail == Self.schemaDetail else { return nil }
        case .detector: guard detail == nil else { return nil }
        case .signal: guard detail != nil else { return nil }
        }
        self.init(kind: kind, venue: parts[1], symbol: parts[2], detail: detail)
    }

    public var description: String { String(decoding: bytes, as: UTF8.self) }

    /// The subscription prefix for one kind, optionally for one symbol: `tick.binance.BTCUSDT.`. For a symbol's
    /// features it matches the vectors; their schema has its own topic.
    public static func prefix(_ kind: Kind, venue: String? = nil, symbol: String? = nil) -> String {
        guard let venue else { return "\(kind.rawValue)." }
        guard let symbol else { return "\(kind.rawValue).\(venue)." }
        return "\(kind.rawValue).\(venue).\(symbol)" + (kind == .feature || kind == .detector ? "|" : ".")
    }
}
