import Foundation

/// JSON without white space, keys sorted, slashes not escaped: equal values give equal bytes.
package enum CompactJSON {
    /// Throws an `EncodingError` where the value holds a number that JSON does not have.
    /// - Parameters:
    ///   - isSnakeCase: writes the key `chatID` as `chat_id`.
    ///   - namesNonFinite: writes NaN and the infinities as the texts "nan", "inf" and "-inf" instead of throwing.
    package static func bytes(
        _ value: some Encodable, isSnakeCase: Bool = false, namesNonFinite: Bool = false
    ) throws -> [UInt8] {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        if isSnakeCase { encoder.keyEncodingStrategy = .convertToSnakeCase }
        if namesNonFinite {
            encoder.nonConformingFloatEncodingStrategy = .convertToString(
                positiveInfinity: "inf", negativeInfinity: "-inf", nan: "nan")
        }
        return Array(try encoder.encode(value))
    }
}
