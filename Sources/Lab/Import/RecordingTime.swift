import Microstructure

/// Parses the times of a recording.
enum RecordingTime {
    /// From 2009-01-03, the earliest possible day of these markets, to 2100: a time outside is damaged data.
    static let range =
        Timestamp(nanoseconds: 1_230_940_800_000_000_000)...Timestamp(nanoseconds: 4_102_444_800_000_000_000)

    /// Parses a count since 1970, or ISO 8601; `nil` for other text and for times outside `range`.
    static func parse(_ bytes: [UInt8], _ range: Range<Int>) -> Timestamp? {
        guard let time = count(bytes, range) ?? iso8601(bytes, range), Self.range.contains(time) else { return nil }
        return time
    }

    /// A whole or decimal count since 1970 in seconds, milliseconds, microseconds or nanoseconds; within `range` its
    /// size tells the unit.
    private static func count(_ bytes: [UInt8], _ range: Range<Int>) -> Timestamp? {
        let point = bytes[range].firstIndex(of: UInt8(ascii: ".")) ?? range.upperBound
        guard let whole = WholeNumber.parse(bytes, range.lowerBound..<point), whole > 0 else { return nil }
        var unit: Int64
        switch whole {
        case ..<100_000_000_000: unit = 1_000_000_000
        case ..<100_000_000_000_000: unit = 1_000_000
        case ..<100_000_000_000_000_000: unit = 1_000
        default: unit = 1
        }
        var (time, overflow) = whole.multipliedReportingOverflow(by: unit)
        guard !overflow else { return nil }
        for byte in bytes[min(point + 1, range.upperBound)..<range.upperBound] {
            let digit = byte &- UInt8(ascii: "0")
            guard digit <= 9 else { return nil }
            unit /= 10
            // At the end of the range, the digits behind the point can lead beyond it.
            (time, overflow) = time.addingReportingOverflow(Int64(digit) * unit)
            guard !overflow else { return nil }
        }
        return Timestamp(nanoseconds: time)
    }

    static func iso8601(_ bytes: [UInt8], _ range: Range<Int>) -> Timestamp? {
        bytes.withUnsafeBufferPointer { ISO8601.time($0, range) }
    }
}
