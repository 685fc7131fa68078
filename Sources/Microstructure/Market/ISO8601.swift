/// Reads and writes dates and times as ISO 8601 does.
package enum ISO8601 {
    /// Parses `2024-08-08T23:54:13.123456Z`: a day, or a day and a time to the nanosecond, with `T` or a blank between,
    /// `Z`, `UTC` or an offset such as `+02:00` behind. Without a zone it is UTC.
    package static func time(_ bytes: UnsafeBufferPointer<UInt8>, _ range: Range<Int>) -> Timestamp? {
        var text = ISOText(bytes: bytes, position: range.lowerBound, end: range.upperBound)
        guard let year = text.number(4), (1_678...2_261).contains(year), text.take("-"), let month = text.number(2),
            (1...12).contains(month), text.take("-"), let day = text.number(2), (1...31).contains(day)
        else { return nil }
        var seconds = daysSince1970(year, month, day) * 86_400
        guard !text.isAtEnd else { return Timestamp(nanoseconds: seconds * 1_000_000_000) }
        guard text.take("T") || text.take("t") || text.take(" "), let hour = text.number(2), hour <= 24,
            text.take(":"), let minute = text.number(2), minute <= 59
        else { return nil }
        seconds += hour * 3_600 + minute * 60
        var fraction: Int64 = 0
        if text.take(":") {
            // A leap second counts as the first of the next minute.
            guard let second = text.number(2), second <= 60 else { return nil }
            seconds += second
            if text.take(".") || text.take(",") {
                guard let nanoseconds = text.fraction() else { return nil }
                fraction = nanoseconds
            }
        }
        guard let offset = text.zone(), text.isAtEnd else { return nil }
        return Timestamp(nanoseconds: (seconds - offset) * 1_000_000_000 + fraction)
    }

    /// Appends `2024-08-08T23:54:13.123456Z`, the fraction with 0 to 9 digits, further ones cut off.
    package static func append(_ time: Timestamp, decimals: Int, to text: inout [UInt8]) {
        let second = time.bucket(width: 1_000_000_000)
        let day = second >= 0 ? second / 86_400 : (second - 86_399) / 86_400
        let (year, month, dayOfMonth) = date(ofDay: day)
        let rest = second - day * 86_400
        func append(_ value: Int64, _ digits: Int) {
            var divisor: Int64 = 1
            for _ in 1..<max(1, digits) { divisor *= 10 }
            while divisor > 0 {
                text.append(UInt8(ascii: "0") + UInt8(value / divisor % 10))
                divisor /= 10
            }
        }
        append(year, 4)
        text.append(UInt8(ascii: "-"))
        append(month, 2)
        text.append(UInt8(ascii: "-"))
        append(dayOfMonth, 2)
        text.append(UInt8(ascii: "T"))
        append(rest / 3_600, 2)
        text.append(UInt8(ascii: ":"))
        append(rest / 60 % 60, 2)
        text.append(UInt8(ascii: ":"))
        append(rest % 60, 2)
        if decimals > 0 {
            text.append(UInt8(ascii: "."))
            var fraction = time.nanosecondOfSecond
            for _ in decimals..<9 { fraction /= 10 }
            append(fraction, decimals)
        }
        text.append(UInt8(ascii: "Z"))
    }

    /// Source: as `daysSince1970`, `civil_from_days`.
    private static func date(ofDay day: Int64) -> (year: Int64, month: Int64, day: Int64) {
        let shifted = day + 719_468
        let era = (shifted >= 0 ? shifted : shifted - 146_096) / 146_097
        let dayOfEra = shifted - era * 146_097
        let yearOfEra = (dayOfEra - dayOfEra / 1_460 + dayOfEra / 36_524 - dayOfEra / 146_096) / 365
        let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
        let part = (5 * dayOfYear + 2) / 153
        let month = part < 10 ? part + 3 : part - 9
        return (yearOfEra + era * 400 + (month <= 2 ? 1 : 0), month, dayOfYear - (153 * part + 2) / 5 + 1)
    }

    /// Source: Howard Hinnant, "chrono-Compatible Low-Level Date Algorithms", `days_from_civil`.
    private static func daysSince1970(_ year: Int64, _ month: Int64, _ day: Int64) -> Int64 {
        let year = month <= 2 ? year - 1 : year
        let era = year / 400
        let yearOfEra = year - era * 400
        let dayOfYear = (153 * (month > 2 ? month - 3 : month + 9) + 2) / 5 + day - 1
        return era * 146_097 + yearOfEra * 365 + yearOfEra / 4 - yearOfEra / 100 + dayOfYear - 719_468
    }
}

/// A cursor over the text of a date.
private struct ISOText {
    let bytes: UnsafeBufferPointer<UInt8>
    var position: Int
    let end: Int

    var isAtEnd: Bool { position == end }

    mutating func take(_ character: Unicode.Scalar) -> Bool {
        guard position < end, bytes[position] == UInt8(ascii: character) else { return false }
        position += 1
        return true
    }

    private mutating func digit() -> Int64? {
        guard position < end, bytes[position] &- UInt8(ascii: "0") <= 9 else { return nil }
        position += 1
        return Int64(bytes[position - 1] - UInt8(ascii: "0"))
    }

    /// A number of exactly `count` digits.
    mutating func number(_ count: Int) -> Int64? {
        var value: Int64 = 0
        for _ in 0..<count {
            guard let digit = digit() else { return nil }
            value = value * 10 + digit
        }
        return value
    }

    /// Nanoseconds from the digits after the point; those beyond nine are dropped.
    mutating func fraction() -> Int64? {
        var unit: Int64 = 1_000_000_000
        var value: Int64 = 0
        guard let first = digit() else { return nil }
        var next: Int64? = first
        while let digit = next {
            unit /= 10
            value += digit * unit
            next = self.digit()
        }
        return value
    }

    /// Seconds that the zone's clock is ahead of UTC.
    mutating func zone() -> Int64? {
        if isAtEnd || take("Z") || take("z") { return 0 }
        _ = take(" ")
        if take("U") { return take("T") && take("C") ? 0 : nil }
        let isAhead = take("+")
        guard isAhead || take("-"), let hours = number(2) else { return nil }
        var seconds = hours * 3_600
        if !isAtEnd {
            _ = take(":")
            guard let minutes = number(2), minutes <= 59 else { return nil }
            seconds += minutes * 60
        }
        return isAhead ? seconds : -seconds
    }
}
