import Microstructure
import Wire

/// How severe a signal is, derived from its score.
enum Severity: String, Codable, Sendable, CaseIterable, Comparable {
    case info, warning, critical

    static func < (left: Severity, right: Severity) -> Bool { left.rank < right.rank }

    /// 0 for the least severe.
    var rank: Int { Self.allCases.firstIndex(of: self) ?? 0 }
}

/// Selects signals. An absent condition matches every signal.
struct SignalMatcher: Codable, Sendable, Equatable {
    /// Patterns such as `BTC*`; one match is enough.
    var symbols: [String]?
    /// Patterns such as `binance*`; one match is enough. Posted signals are of the venue `api`.
    var venues: [String]?
    /// Patterns such as `drift`; one match is enough.
    var types: [String]?
    var minSeverity: Severity?
    /// 0 to 1.
    var minScore: Double?

    func matches(_ signal: SignalDocument, _ severity: Severity) -> Bool {
        guard matches(symbol: signal.symbol, venue: signal.venue ?? "", type: signal.signalType) else { return false }
        if let minSeverity, severity < minSeverity { return false }
        if let minScore, signal.score < minScore { return false }
        return true
    }

    /// Whether a signal of this market, and of this type if one is given, can match.
    func matches(symbol: String, venue: String, type: String? = nil) -> Bool {
        func isOne(of patterns: [String]?, _ name: String) -> Bool {
            patterns?.contains { NamePattern(text: $0).matches(name) } ?? true
        }
        return isOne(of: symbols, symbol) && isOne(of: venues, venue) && (type.map { isOne(of: types, $0) } ?? true)
    }

    /// The matcher as it is used: symbols in the spelling of the bus. Throws where it has a condition that no signal can
    /// meet.
    func normalized() throws(PolicyProblem) -> SignalMatcher {
        if let minScore, !(0...1).contains(minScore) {
            throw PolicyProblem(text: "minScore \(minScore) is outside 0…1")
        }
        for (name, patterns) in [("symbols", symbols), ("venues", venues), ("types", types)]
        where patterns?.isEmpty == true {
            throw PolicyProblem(text: "\(name) is empty and would match nothing; leave it out to match all")
        }
        var matcher = self
        matcher.symbols = try symbols?.map { text throws(PolicyProblem) in
            guard let pattern = SymbolName.normalizedPattern(text) else {
                throw PolicyProblem(text: "symbols: '\(text.prefix(64))' \(SymbolName.patternRule)")
            }
            return pattern
        }
        if let stranger = venues?.first(where: { !Self.isPattern($0) }) {
            throw PolicyProblem(text: "venues: '\(stranger.prefix(64))' \(Self.venueRule)")
        }
        if let stranger = types?.first(where: { !Self.isPattern($0) }) {
            throw PolicyProblem(text: "types: '\(stranger.prefix(64))' \(Self.typeRule)")
        }
        return matcher
    }

    /// Most characters of a pattern of types or venues.
    static let patternLimit = 64
    static let venueRule =
        "is no venue and no pattern of venues; they are in lower case, e.g. okx or binance_usdm, with * for any text and "
        + "? for one character"
    static let typeRule =
        "is no signal type and no pattern of types; they are in lower case, e.g. drift or buy_imbalance, with * for any "
        + "text and ? for one character"

    static func isPattern(_ text: String) -> Bool {
        (1...patternLimit).contains(text.utf8.count)
            && text.utf8.allSatisfy { byte in
                switch byte {
                case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "_"),
                    UInt8(ascii: "*"), UInt8(ascii: "?"):
                    true
                default: false
                }
            }
    }
}

/// A mute of some signals for some time.
struct Silence: Codable, Sendable, Equatable {
    var id: String
    var symbols: [String]?
    var venues: [String]?
    var types: [String]?
    /// Mutes only these channels; absent mutes all.
    var channels: [String]?
    /// Seconds since 1970.
    var startsAt: Double
    var endsAt: Double
    var comment: String
    var createdBy: String

    enum CodingKeys: String, CodingKey {
        case id, symbols, venues, types, channels, comment
        case startsAt = "starts_at"
        case endsAt = "ends_at"
        case createdBy = "created_by"
    }

    func applies(to signal: SignalDocument, _ severity: Severity, on channel: String, at seconds: Double) -> Bool {
        startsAt <= seconds && seconds < endsAt && channels?.contains(channel) ?? true
            && matcher.matches(signal, severity)
    }

    var matcher: SignalMatcher { SignalMatcher(symbols: symbols, venues: venues, types: types) }
}
