/// An exchange, by the name that topics and configuration use.
public enum Venue: String, Sendable, Hashable, CaseIterable {
    case binance
}
