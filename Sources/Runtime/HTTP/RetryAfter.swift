import Foundation

/// The `Retry-After` header of an HTTP answer: seconds, or a date. Source: RFC 9110, 10.2.3.
package enum RetryAfter {
    /// The longest wait that a peer can ask for; Binance bans for at most three days.
    package static let limitSeconds = 3.0 * 86_400

    /// Seconds to wait, 0 to `limitSeconds`; `nil` if the header is missing or invalid.
    /// - Parameter now: seconds since 1970, for a date.
    package static func seconds(_ header: String?, at now: Double = Double(HostClock.now.nanoseconds) / 1e9) -> Double?
    {
        guard let header else { return nil }
        if let value = Double(header) {
            return value.isFinite && value >= 0 ? min(value, limitSeconds) : nil
        }
        let format = DateFormatter()
        format.locale = Locale(identifier: "en_US_POSIX")
        format.timeZone = .gmt
        format.dateFormat = "EEE, dd MMM yyyy HH:mm:ss 'GMT'"
        guard let date = format.date(from: header) else { return nil }
        return min(max(0, date.timeIntervalSince1970 - now), limitSeconds)
    }
}
