/// The `Retry-After` header of an HTTP answer.
enum RetryAfter {
    /// The longest wait that a peer can ask for; Binance bans for at most three days.
    static let limitSeconds = 3.0 * 86_400

    /// Seconds to wait, 0 to `limitSeconds`; `nil` for no header or one that is no plain number.
    static func seconds(_ header: String?) -> Double? {
        guard let header, let value = Double(header), value.isFinite, value >= 0 else { return nil }
        return min(value, limitSeconds)
    }
}
