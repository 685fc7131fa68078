/// A moment in time: nanoseconds since 1970-01-01T00:00:00 UTC, leap seconds not counted.
///
/// Range: the years 1677 to 2262. The pure modules never read a clock; callers always pass the timestamp.
public struct Timestamp: Sendable, Hashable, Comparable {
    /// Nanoseconds since the Unix epoch.
    public var nanoseconds: Int64

    public init(nanoseconds: Int64) {
        self.nanoseconds = nanoseconds
    }

    /// Milliseconds since the epoch, as exchanges send them; `nil` where the value does not fit.
    public init?(milliseconds: Int64) {
        let (nanoseconds, overflow) = milliseconds.multipliedReportingOverflow(by: 1_000_000)
        guard !overflow else { return nil }
        self.nanoseconds = nanoseconds
    }

    /// Microseconds since the epoch; `nil` where the value does not fit.
    public init?(microseconds: Int64) {
        let (nanoseconds, overflow) = microseconds.multipliedReportingOverflow(by: 1_000)
        guard !overflow else { return nil }
        self.nanoseconds = nanoseconds
    }

    /// Seconds since the epoch as a floating-point number (precision about 0.2 µs today).
    public var seconds: Double { Double(nanoseconds) / 1e9 }

    /// Nanoseconds from `other` to this moment; saturates at the ends of the range.
    public func nanoseconds(since other: Timestamp) -> Int64 {
        let (difference, overflow) = nanoseconds.subtractingReportingOverflow(other.nanoseconds)
        guard overflow else { return difference }
        return nanoseconds < other.nanoseconds ? .min : .max
    }

    /// This moment moved by `nanoseconds`; saturates at the ends of the range.
    public func advanced(byNanoseconds step: Int64) -> Timestamp {
        let (sum, overflow) = nanoseconds.addingReportingOverflow(step)
        return Timestamp(nanoseconds: overflow ? (step < 0 ? .min : .max) : sum)
    }

    /// Index of the UTC-aligned bucket of `width` nanoseconds that contains this moment (floor division).
    public func bucket(width: Int64) -> Int64 {
        let (quotient, remainder) = nanoseconds.quotientAndRemainder(dividingBy: width)
        return remainder < 0 ? quotient - 1 : quotient
    }

    /// Nanoseconds since the last whole second, 0 to 999,999,999.
    public var nanosecondOfSecond: Int64 {
        let remainder = nanoseconds % 1_000_000_000
        return remainder < 0 ? remainder + 1_000_000_000 : remainder
    }

    /// UTC hour of the day, 0 to 23.
    public var hourOfDay: Int { minuteOfDay / 60 }

    /// UTC minute of the day, 0 to 1439.
    public var minuteOfDay: Int {
        let minute = bucket(width: 60_000_000_000) % 1440
        return Int(minute < 0 ? minute + 1440 : minute)
    }

    public static func < (left: Timestamp, right: Timestamp) -> Bool { left.nanoseconds < right.nanoseconds }
}

/// Encoded as its bare number of nanoseconds.
extension Timestamp: Codable {
    public init(from decoder: any Decoder) throws {
        nanoseconds = try decoder.singleValueContainer().decode(Int64.self)
    }

    public func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        try container.encode(nanoseconds)
    }
}
