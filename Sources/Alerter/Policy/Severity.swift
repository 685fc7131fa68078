import Wire

/// How severe a signal is, derived from its score.
enum Severity: String, Codable, Sendable, CaseIterable, Comparable {
    case info, warning, critical

    static func < (left: Severity, right: Severity) -> Bool { left.rank < right.rank }

    /// 0 for the least severe.
    var rank: Int { Self.allCases.firstIndex(of: self) ?? 0 }
}

/// A name with `*` for any text and `?` for any one character.
struct NamePattern: Sendable, Equatable {
    let text: String

    /// O(pattern × name), both short.
    func matches(_ name: String) -> Bool {
        let (pattern, name) = (Array(text.unicodeScalars), Array(name.unicodeScalars))
        var (p, n) = (0, 0)
        var star: (p: Int, n: Int)?
        while n < name.count {
            if p < pattern.count, pattern[p] == "*" {
                star = (p, n)
                p += 1
            } else if p < pattern.count, pattern[p] == "?" || pattern[p] == name[n] {
                (p, n) = (p + 1, n + 1)
            } else if let last = star {
                star = (last.p, last.n + 1)
                (p, n) = (last.p + 1, last.n + 1)
            } else {
                return false
            }
        }
        return pattern[p...].allSatisfy { $0 == "*" }
    }
}

/// Selects signals. An absent condition matches every signal.
struct SignalMatcher: Codable, Sendable, Equatable {
    /// Patterns such as `BTC*`; one match is enough.
    var symbols: [String]?
    /// Patterns such as `drift`; one match is enough.
    var types: [String]?
    var minSeverity: Severity?
    /// 0 to 1.
    var minScore: Double?

    func matches(_ signal: SignalDocument, _ severity: Severity) -> Bool {
        if let symbols, !symbols.contains(where: { NamePattern(text: $0).matches(signal.symbol) }) { return false }
        if let types, !types.contains(where: { NamePattern(text: $0).matches(signal.signalType) }) { return false }
        if let minSeverity, severity < minSeverity { return false }
        if let minScore, signal.score < minScore { return false }
        return true
    }

    /// The first error in the matcher.
    var problem: String? {
        if let minScore, !(0...1).contains(minScore) { return "minScore \(minScore) is outside 0…1" }
        for (name, patterns) in [("symbols", symbols), ("types", types)] {
            guard let patterns else { continue }
            if patterns.isEmpty { return "\(name) is empty and would match nothing; leave it out to match all" }
            if patterns.contains(where: { $0.isEmpty || $0.utf8.count > 64 }) {
                return "\(name) needs patterns of 1 to 64 bytes"
            }
        }
        return nil
    }
}

/// A mute of some signals for some time.
struct Silence: Codable, Sendable, Equatable {
    var id: String
    var symbols: [String]?
    var types: [String]?
    /// Mutes only these channels; absent mutes all.
    var channels: [String]?
    /// Seconds since 1970.
    var startsAt: Double
    var endsAt: Double
    var comment: String
    var createdBy: String

    enum CodingKeys: String, CodingKey {
        case id, symbols, types, channels, comment
        case startsAt = "starts_at"
        case endsAt = "ends_at"
        case createdBy = "created_by"
    }

    func applies(to signal: SignalDocument, _ severity: Severity, on channel: String, at seconds: Double) -> Bool {
        startsAt <= seconds && seconds < endsAt && channels?.contains(channel) ?? true
            && SignalMatcher(symbols: symbols, types: types).matches(signal, severity)
    }
}
