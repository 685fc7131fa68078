import Microstructure

/// Bybit's messages of inverse contracts: those of its other markets, with sizes in dollars, one for each step of the
/// market's sizes.
public struct BybitInverseWriter: StreamWriter {
    public static let depth = BybitWriter.depth
    public static let announcesLoss = BybitWriter.announcesLoss

    private var writer: BybitWriter

    public init(_ listing: Listing) { writer = BybitWriter(Self.contracts(listing)) }

    /// The market with the venue's sizes.
    public static func contracts(_ listing: Listing) -> Listing { listing.inContracts }

    public mutating func depth(
        _ change: DepthChange, at time: Timestamp, after book: borrowing OrderBook
    ) -> [[UInt8]] { writer.depth(change, at: time, after: book) }

    public func snapshot(_ book: SimulatedBook, at time: Timestamp) -> [UInt8] { writer.snapshot(book, at: time) }

    public func trade(
        id: Int64, price: Price, quantity: Quantity, aggressor: AggressorSide, at time: Timestamp
    ) -> [UInt8] { writer.trade(id: id, price: price, quantity: quantity, aggressor: aggressor, at: time) }

    public func quote(updateID: Int64, bid: PriceLevel, ask: PriceLevel, at time: Timestamp) -> [UInt8]? {
        writer.quote(updateID: updateID, bid: bid, ask: ask, at: time)
    }
}
