import Microstructure

/// Fields that a venue may leave empty, or fill with what makes no sense.
extension JSONScanner {
    /// A time in milliseconds, quoted or bare; `nil` for one that makes no sense.
    mutating func millisecondTime() throws(ScanError) -> Timestamp? {
        guard let count = try wholeNumber(), count > 0 else { return nil }
        return Timestamp(milliseconds: count)
    }

    /// The text of a string; `nil` for another value, which is skipped.
    mutating func optionalText() throws(ScanError) -> String? {
        guard try peek() == .string else {
            try skipValue()
            return nil
        }
        return text(of: try string())
    }

    /// A number of trading rules as `normalizedDecimal` reads it; `nil` for one that makes no sense, which is skipped.
    mutating func optionalDecimal() throws(ScanError) -> (mantissa: Int64, exponent: Int)? {
        var number = self
        try skipValue()
        return try? number.normalizedDecimal()
    }
}
