/// An exchange, by the name that topics and configuration use.
public enum Venue: String, Sendable, Hashable, Codable, CaseIterable {
    case binance
}
