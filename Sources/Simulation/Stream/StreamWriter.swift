import Microstructure

/// Writes one market's messages of a venue that sends whole books, then their changes, in the stream.
public protocol StreamWriter: Sendable {
    init(_ listing: Listing)

    /// Levels a side that the venue publishes; `nil` for all.
    static var depth: Int? { get }
    /// Whether levels pushed out of the published ones are sent as gone.
    static var announcesLoss: Bool { get }
    /// Whether a change is a message a level, bids first, and more messages after them. Else its last message is all of
    /// it.
    static var sendsLevelsSingly: Bool { get }
    /// Where a message of changes takes another bid, and the bid's text; `nil` where it cannot take one.
    static func bid(at price: String) -> (mark: String, text: String)?
    /// The book before the first change.
    mutating func begin(with book: borrowing OrderBook)
    /// The messages of a change; at least one.
    ///
    /// - Parameter book: after the change.
    mutating func depth(_ change: DepthChange, at time: Timestamp, after book: borrowing OrderBook) -> [[UInt8]]
    mutating func trade(
        id: Int64, price: Price, quantity: Quantity, aggressor: AggressorSide, at time: Timestamp
    ) -> [UInt8]
    /// The message of the best prices; `nil` for a venue without one.
    mutating func quote(updateID: Int64, bid: PriceLevel, ask: PriceLevel, at time: Timestamp) -> [UInt8]?
    /// The whole book, as a message of the stream or an answer over HTTP.
    func snapshot(_ book: SimulatedBook, at time: Timestamp) -> [UInt8]
}

extension StreamWriter {
    public mutating func begin(with book: borrowing OrderBook) {}
    public static var sendsLevelsSingly: Bool { false }
    public static func bid(at price: String) -> (mark: String, text: String)? { nil }
}

/// The names of a market's streams inside the simulator. Clients subscribe in the venue's own words.
public enum StreamName {
    public static func depth(_ symbol: String) -> String { "\(symbol)@depth" }
    public static func trades(_ symbol: String) -> String { "\(symbol)@trade" }
    public static func quotes(_ symbol: String) -> String { "\(symbol)@quote" }

    static func symbol(of name: String) -> String? {
        name.firstIndex(of: "@").map { String(name[..<$0]) }
    }
}
