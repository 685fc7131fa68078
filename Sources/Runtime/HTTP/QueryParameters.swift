import Foundation

/// A query that cannot be used: status 400.
package struct QueryError: Error {
    /// Names the parameter, what is wrong with it, and what to do.
    package let detail: String
}

/// A request's query: every parameter is known and occurs at most once.
package struct QueryParameters: Sendable {
    private var values: [String: String] = [:]

    /// - Parameters:
    ///   - query: as sent, without the question mark.
    ///   - allowed: the names that the route knows.
    package init(_ query: String, allowed: [String]) throws(QueryError) {
        var items: [(name: String, value: String)] = []
        // Bytes, not characters: a combining mark after `=` or `&` would make another character of it.
        for pair in query.utf8.split(separator: UInt8(ascii: "&")) {
            let parts = pair.split(separator: UInt8(ascii: "="), maxSplits: 1, omittingEmptySubsequences: false)
            let texts = parts.map { PercentEncoding.decoded($0.map { $0 == UInt8(ascii: "+") ? 0x20 : $0 }) }
            guard let name = texts[0], let value = texts.count == 2 ? texts[1] : "" else {
                throw QueryError(detail: "the query is not percent-encoded UTF-8")
            }
            items.append((name, value))
        }
        try self.init(items, allowed: allowed)
    }

    /// - Parameters:
    ///   - items: decoded.
    ///   - allowed: the names that the route knows.
    package init(_ items: [(name: String, value: String)], allowed: [String]) throws(QueryError) {
        for (name, value) in items {
            guard allowed.contains(name) else {
                let known = allowed.isEmpty ? "this route takes none" : "use \(allowed.joined(separator: ", "))"
                throw QueryError(detail: "unknown query parameter '\(name)'; \(known)")
            }
            guard !value.utf8.contains(where: { $0 < 0x20 || $0 == 0x7F }) else {
                throw QueryError(detail: "query parameter '\(name)' holds a control character; leave it out")
            }
            guard values.updateValue(value, forKey: name) == nil else {
                throw QueryError(detail: "query parameter '\(name)' stands twice; give it once")
            }
        }
    }

    package func text(_ name: String) -> String? { values[name] }

    /// The parameters encoded anew with a question mark, in the order of their names; empty without parameters.
    package var encoded: String {
        guard !values.isEmpty else { return "" }
        return "?"
            + values.sorted { $0.key < $1.key }
            .map { "\($0.key)=\($0.value.addingPercentEncoding(withAllowedCharacters: .alphanumerics) ?? "")" }
            .joined(separator: "&")
    }

    /// A decimal number in `range`.
    package func number(_ name: String, in range: ClosedRange<Double>) throws(QueryError) -> Double? {
        guard let text = values[name] else { return nil }
        // `Double` also parses "nan", "inf" and hexadecimal, which are not JSON numbers.
        guard text.utf8.allSatisfy({ Self.numberBytes.contains($0) }), let value = Double(text), range.contains(value)
        else {
            throw QueryError(detail: "\(name)='\(text)' is no number from \(range.lowerBound) to \(range.upperBound)")
        }
        return value
    }

    package func integer(_ name: String, in range: ClosedRange<Int>) throws(QueryError) -> Int? {
        guard let text = values[name] else { return nil }
        guard let value = Int(text), range.contains(value) else {
            throw QueryError(
                detail: "\(name)='\(text)' is no whole number from \(range.lowerBound) to \(range.upperBound)")
        }
        return value
    }

    private static let numberBytes = Set("0123456789.eE+-".utf8)
}
