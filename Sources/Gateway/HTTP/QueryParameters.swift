import Foundation
import Hummingbird

/// The query of a request, every parameter known and at most once. A parameter that cannot be used is a 400 that
/// names it.
struct QueryParameters {
    private var values: [String: String] = [:]

    /// - Parameter allowed: the names that the route knows.
    init(_ request: Request, allowed: [String]) throws(Problem) {
        try self.init(request.uri.query ?? "", allowed: allowed)
    }

    /// - Parameter query: as sent, without the question mark.
    init(_ query: String, allowed: [String]) throws(Problem) {
        guard !query.isEmpty else { return }
        for pair in query.split(separator: "&", omittingEmptySubsequences: true) {
            let parts = pair.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
            let raw = parts.map { $0.replacing("+", with: " ").removingPercentEncoding }
            guard let name = raw[0], let value = raw.count == 2 ? raw[1] : "" else {
                throw Problem(.badRequest, "the query is not percent-encoded UTF-8")
            }
            guard allowed.contains(name) else {
                let known = allowed.isEmpty ? "this route takes none" : "use \(allowed.joined(separator: ", "))"
                throw Problem(.badRequest, "unknown query parameter '\(name)'; \(known)")
            }
            guard !value.utf8.contains(where: { $0 < 0x20 || $0 == 0x7F }) else {
                throw Problem(.badRequest, "query parameter '\(name)' holds a control character; leave it out")
            }
            guard values.updateValue(value, forKey: name) == nil else {
                throw Problem(.badRequest, "query parameter '\(name)' stands twice; give it once")
            }
        }
    }

    func text(_ name: String) -> String? { values[name] }

    /// What was understood, encoded anew with its question mark, in the order of the names; empty without parameters.
    var encoded: String {
        guard !values.isEmpty else { return "" }
        return "?"
            + values.sorted { $0.key < $1.key }
            .map { "\($0.key)=\($0.value.addingPercentEncoding(withAllowedCharacters: .alphanumerics) ?? "")" }
            .joined(separator: "&")
    }

    /// A decimal number in `range`.
    func number(_ name: String, in range: ClosedRange<Double>) throws(Problem) -> Double? {
        guard let text = values[name] else { return nil }
        // `Double` also reads "nan", "inf" and hexadecimal, none of which is a number in JSON.
        guard text.utf8.allSatisfy({ Self.numberBytes.contains($0) }), let value = Double(text), range.contains(value)
        else {
            throw Problem(
                .badRequest, "\(name)='\(text)' is no number from \(range.lowerBound) to \(range.upperBound)")
        }
        return value
    }

    func integer(_ name: String, in range: ClosedRange<Int>) throws(Problem) -> Int? {
        guard let text = values[name] else { return nil }
        guard let value = Int(text), range.contains(value) else {
            throw Problem(
                .badRequest, "\(name)='\(text)' is no whole number from \(range.lowerBound) to \(range.upperBound)")
        }
        return value
    }

    private static let numberBytes = Set("0123456789.eE+-".utf8)
}
