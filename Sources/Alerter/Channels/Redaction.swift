import Runtime
import Foundation

/// Blanks every configured secret in texts that are shown: a service may echo the request's path, query or headers.
///
/// One value, fed with the secrets of all channels, serves all of them. A secret is found in whatever spelling: percent-
/// encoded (also twice), as JSON or HTML escapes it, in other letter case, and cut off at the text's end. Of a URL,
/// everything but scheme and host is secret: path, query, user and password, whole and in parts.
struct Redaction: Sendable {
    static let mark = "(secret)"
    /// Shorter parts are blanked only inside a longer one: they could be any word.
    static let shortest = 4
    /// Path segments from this length on are blanked alone, as tokens are.
    private static let segmentLength = 8
    /// Of a part of at least `tokenLength` bytes, a beginning of `beginning` bytes is blanked too.
    private static let tokenLength = 16
    private static let beginning = 8
    /// Path segments that services document: no secrets.
    private static let publicWords: Set<String> = ["services", "webhooks", "workflows", "triggers", "sendmessage"]

    private struct Part: Hashable {
        let bytes: [UInt8]
        /// Whether its beginning alone is secret as well, rather than a well-known path.
        let isToken: Bool
    }

    private let parts: [Part]

    /// - Parameters:
    ///   - addresses: URLs whose path, query and credentials are secret.
    ///   - tokens: texts of which a beginning is secret too.
    ///   - names: texts that are secret as a whole, such as a chat's id.
    init(addresses: [String] = [], tokens: [String] = [], names: [String] = []) {
        var found: Set<Part> = []
        func add(_ text: some StringProtocol, isToken: Bool) {
            let bytes = Array((text.removingPercentEncoding ?? String(text)).utf8)
            if bytes.count >= Self.shortest { found.insert(Part(bytes: bytes, isToken: isToken)) }
        }
        for name in names { add(name, isToken: false) }
        for token in tokens {
            add(token, isToken: true)
            // Telegram's `id:secret`: the second half is the secret.
            if let colon = token.lastIndex(of: ":") { add(token[token.index(after: colon)...], isToken: true) }
        }
        for address in addresses {
            guard let start = address.range(of: "://")?.upperBound else { continue }
            let rest = address[start...]
            let end = rest.firstIndex { "/?#".contains($0) } ?? rest.endIndex
            // A bare scheme and host is no secret.
            if rest[end...].count > 1 || rest[..<end].contains("@") { add(address, isToken: false) }
            if let at = rest[..<end].lastIndex(of: "@") {
                let credentials = rest[..<at]
                add(credentials, isToken: false)
                // As the header `Authorization` carries it.
                let plain = credentials.removingPercentEncoding ?? String(credentials)
                add(Data(plain.utf8).base64EncodedString(), isToken: true)
                for half in credentials.split(separator: ":", maxSplits: 1) { add(half, isToken: true) }
            }
            let target = rest[end...]
            add(target, isToken: false)
            let query = target.firstIndex { "?#".contains($0) } ?? target.endIndex
            let path = target[..<query]
            add(path, isToken: false)
            add(path.drop { $0 == "/" }, isToken: false)
            for segment in path.split(separator: "/")
            where segment.utf8.count >= Self.segmentLength && !Self.publicWords.contains(segment.lowercased()) {
                add(segment, isToken: true)
            }
            add(target[query...].dropFirst(), isToken: false)
            for pair in target[query...].dropFirst().split(whereSeparator: { "&#?;".contains($0) }) {
                add(pair, isToken: false)
                if let equals = pair.firstIndex(of: "=") { add(pair[pair.index(after: equals)...], isToken: true) }
            }
        }
        parts = Array(found)
    }

    /// The proxies' addresses of the environment: their credentials are secret too.
    static func proxies(in environment: [String: String] = ProcessInfo.processInfo.environment) -> [String] {
        environment.filter { $0.key.lowercased().hasSuffix("_proxy") && $0.key.lowercased() != "no_proxy" }
            .map { $0.value.contains("://") ? $0.value : "http://" + $0.value }
    }

    /// The text as one printable line of at most `limit` UTF-16 units, without any secret. O(text × parts).
    func line(_ text: String, limit: Int = 200) -> String {
        // First printable: a control character within a secret must not hide it.
        MessageText.fit(blank(MessageText.printable(text.replacing("\n", with: " "))), limit)
    }

    /// The text without any secret.
    func blank(_ text: String) -> String {
        guard !parts.isEmpty else { return text }
        let source = Array(text.utf8)
        var result: [UInt8] = []
        result.reserveCapacity(source.count)
        var index = 0
        while index < source.count {
            // The longest: a part inside another must not split it.
            if let end = parts.lazy.compactMap({ Self.end(of: $0, in: source, at: index) }).max() {
                result += Self.mark.utf8
                index = end
            } else {
                result.append(source[index])
                index += 1
            }
        }
        return String(decoding: result, as: UTF8.self)
    }

    /// Where `part` ends if it begins at `start`.
    private static func end(of part: Part, in text: [UInt8], at start: Int) -> Int? {
        var index = start
        for (count, wanted) in part.bytes.enumerated() {
            guard index < text.count else { return count >= shortest && part.isToken ? index : nil }
            guard let width = Self.width(of: wanted, in: text, at: index) else {
                return part.isToken && part.bytes.count >= tokenLength && count >= beginning ? index : nil
            }
            index += width
        }
        return index
    }

    /// How many bytes of the text at `index` spell `wanted`; `nil` if they spell something else.
    private static func width(of wanted: UInt8, in text: [UInt8], at index: Int) -> Int? {
        let byte = text[index]
        if lower(byte) == lower(wanted) { return 1 }
        let rest = text[index...]
        switch byte {
        case UInt8(ascii: "%"):
            // `%2F`, and encoded again `%252F`.
            var digits = rest.dropFirst()
            var width = 3
            while digits.starts(with: "25".utf8), digits.count >= 4 {
                digits = digits.dropFirst(2)
                width += 2
            }
            return isSame(number(digits.prefix(2), radix: 16), wanted) ? width : nil
        case UInt8(ascii: "\\"):
            if rest.dropFirst().starts(with: "u00".utf8), isSame(number(rest.dropFirst(4).prefix(2), radix: 16), wanted)
            {
                return 6
            }
            return rest.dropFirst().first == wanted ? 2 : nil
        case UInt8(ascii: "+"): return wanted == UInt8(ascii: " ") ? 1 : nil
        case UInt8(ascii: "&"):
            guard let end = rest.prefix(10).firstIndex(of: UInt8(ascii: ";")) else { return nil }
            let name = rest[(index + 1)..<end]
            return isSame(entity(name), wanted) ? end - index + 1 : nil
        default: return nil
        }
    }

    private static func entity(_ name: ArraySlice<UInt8>) -> UInt8? {
        if name.starts(with: "#x".utf8) || name.starts(with: "#X".utf8) { return number(name.dropFirst(2), radix: 16) }
        if name.first == UInt8(ascii: "#") { return number(name.dropFirst(), radix: 10) }
        let names: [String: Character] = [
            "amp": "&", "lt": "<", "gt": ">", "quot": "\"", "apos": "'", "sol": "/", "equals": "=", "quest": "?",
            "colon": ":", "commat": "@",
        ]
        return names[String(decoding: name, as: UTF8.self)]?.asciiValue
    }

    private static func number(_ digits: ArraySlice<UInt8>, radix: Int) -> UInt8? {
        UInt8(String(decoding: digits, as: UTF8.self), radix: radix)
    }

    private static func isSame(_ byte: UInt8?, _ wanted: UInt8) -> Bool { byte.map(lower) == lower(wanted) }

    private static func lower(_ byte: UInt8) -> UInt8 {
        (UInt8(ascii: "A")...UInt8(ascii: "Z")).contains(byte) ? byte + 32 : byte
    }
}
