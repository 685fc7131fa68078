import Foundation

extension AlertPolicy.QuietHours {
    /// When the quiet hours end, if `now` (nanoseconds since 1970) is within them.
    ///
    /// They are a stretch of time, from the moment that the zone's clock shows `from` on the day they begin until the
    /// next that shows `to`. Where the clock is put forward over one of the two, the first moment after it counts;
    /// where it is put back, the first of the two moments. So a night with a repeated hour does not become quiet twice.
    func end(at now: Int64) -> Int64? {
        var calendar = Calendar(identifier: .gregorian)
        calendar.timeZone = timeZone
        let date = Date(timeIntervalSince1970: Double(now) / 1e9)
        // Hours that began yesterday may last until today.
        for day in [-1, 0] {
            guard let first = calendar.date(byAdding: .day, value: day, to: calendar.startOfDay(for: date)),
                days.isEmpty || days.contains(calendar.component(.weekday, from: first)),
                let start = Self.moment(from, of: first, calendar),
                let end = Self.moment(to > from ? to : to + Self.dayMinutes, of: first, calendar)
            else { continue }
            if start <= date, date < end { return Int64(end.timeIntervalSince1970 * 1e9) }
        }
        return nil
    }

    static let dayMinutes = 24 * 60

    /// The moment that shows `minutes` of the day that `day` lies in; from `dayMinutes` on, of the next day.
    private static func moment(_ minutes: Int, of day: Date, _ calendar: Calendar) -> Date? {
        let days = minutes / dayMinutes
        guard let day = calendar.date(byAdding: .day, value: days, to: calendar.startOfDay(for: day)) else {
            return nil
        }
        let midnight = calendar.startOfDay(for: day)
        let rest = minutes % dayMinutes
        guard rest > 0 else { return midnight }
        return calendar.nextDate(
            after: midnight, matching: DateComponents(hour: rest / 60, minute: rest % 60, second: 0),
            matchingPolicy: .nextTime, repeatedTimePolicy: .first)
    }
}

extension AlertPolicy.Route {
    /// Quiet hours that go on for longer than this never end.
    private static let longestQuietNanoseconds: Int64 = 8 * 86_400 * 1_000_000_000

    /// When a signal that is held at `now` goes out: at the first moment that no quiet hours cover, since those of one
    /// window may begin where another's end. `nil` if none cover `now`.
    func quietEnd(for severity: Severity, at now: Int64) -> Int64? {
        var moment = now
        while moment - now < Self.longestQuietNanoseconds,
            let end = quietHours.lazy.filter({ severity < $0.minSeverity }).compactMap({ $0.end(at: moment) }).max()
        { moment = end }
        return moment > now ? moment : nil
    }

    /// Whether some signals would be held for ever.
    func isQuietForEver(at now: Int64) -> Bool {
        Severity.allCases.contains { severity in
            quietHours.contains { $0.holds && severity < $0.minSeverity }
                && quietEnd(for: severity, at: now).map { $0 - now >= Self.longestQuietNanoseconds } ?? false
        }
    }
}
