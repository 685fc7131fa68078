/// Whether a market trades, as its venue says. A market that does not trade sends nothing, and its connection is not
/// at fault. The raw values are those of the bus.
public enum TradingStatus: String, Sendable, Hashable, CaseIterable {
    case trading = "TRADING"
    /// Orders are collected and matched at one price.
    case auction = "AUCTION"
    /// Orders may be cancelled, not placed.
    case cancelOnly = "CANCEL_ONLY"
    /// Stopped by the venue, for an unknown time.
    case halted = "HALTED"
    /// Stopped for a while, e.g. for the venue's maintenance.
    case paused = "PAUSED"
    /// Before the first or after the last trade of a session, or of the market.
    case closed = "CLOSED"
    /// The venue does not know the symbol.
    case notListed = "NOT_LISTED"
    /// The venue's word is not known to this version: the market counts as one that does not trade.
    case other = "OTHER"
}
