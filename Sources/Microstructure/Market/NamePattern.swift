/// A name with `*` for any text and `?` for any one character.
public struct NamePattern: Sendable, Equatable {
    public let text: String

    public init(text: String) { self.text = text }

    /// O(pattern × name), both short.
    public func matches(_ name: String) -> Bool {
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

extension SymbolName {
    public static let patternRule =
        "is no symbol and no pattern of symbols; write BTCUSDT (BTC/USDT, BTC-USDT and lower case are the same), or "
        + "with * for any text and ? for one character, e.g. BTC*"

    /// A pattern of symbols in the spelling of the bus: `btc-*` becomes `BTC*`; `nil` where what stands between the
    /// wildcards cannot be part of a symbol.
    public static func normalizedPattern(_ text: String) -> String? {
        guard (1...lengthLimit).contains(text.unicodeScalars.count) else { return nil }
        let wildcards = "*?".utf8
        let bytes = text.utf8.filter { !"/-_".utf8.contains($0) }
        var pattern = ""
        var rest = bytes[...]
        while let first = rest.first {
            let isWildcard = wildcards.contains(first)
            let part = rest.prefix { wildcards.contains($0) == isWildcard }
            rest = rest.dropFirst(part.count)
            guard let name = isWildcard ? String(decoding: part, as: UTF8.self) : normalized(part) else { return nil }
            pattern += name
        }
        return pattern.isEmpty ? nil : pattern
    }
}
