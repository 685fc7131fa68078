import Microstructure

/// Writes a market's events as the messages of Binance's combined streams, `{"stream":…,"data":…}`, and its book as the answer
/// to `GET /api/v3/depth`. Messages are due, and trades have their event times (`E`), as the delays say.
///
/// A frame costs one allocation: its bytes.
public struct BinanceEncoder: MarketEncoder {
    /// The constant texts of a stream's messages.
    private struct Stream: Sendable {
        let name: String
        /// The envelope and the beginning of the data.
        let head: [UInt8]
        /// Where the data begins.
        let start: Int

        init(_ name: String, data: String) {
            self.name = name
            let envelope = #"{"stream":"\#(name)","data":"#
            head = Array((envelope + data).utf8)
            start = envelope.utf8.count
        }
    }

    /// Bytes to reserve: usual maximum of a message without its levels, and of one level.
    private static let frameBytes = 256
    private static let levelBytes = 40

    private let depth, trade, quote: Stream
    /// `,"s":"BTCUSDT"`.
    private let symbol: [UInt8]
    /// Factors from the market's units to 10⁻⁸.
    private let priceFactor, quantityFactor: Int64
    private var clock: ArrivalClock

    public init(_ market: SyntheticMarket, delays: ArrivalDelays) {
        let listing = market.listing
        clock = ArrivalClock(delays, seed: market.arrivalSeed)
        let name = listing.symbol.lowercased()
        depth = Stream(name + "@depth@100ms", data: #"{"e":"depthUpdate","E":"#)
        trade = Stream(name + "@trade", data: #"{"e":"trade","E":"#)
        quote = Stream(name + "@bookTicker", data: #"{"u":"#)
        symbol = Array(#","s":"\#(listing.symbol)""#.utf8)
        priceFactor = listing.priceUnit.hundredMillionths
        quantityFactor = listing.quantityUnit.hundredMillionths
    }

    public mutating func encode(_ event: SimulatedEvent, into frames: inout [MarketFrame]) {
        let time = event.time.bucket(width: 1_000_000)
        switch event.content {
        case .depth(let change):
            let count = change.bids.count + change.asks.count
            var text = begin(depth, reserving: Self.frameBytes + count * Self.levelBytes)
            DecimalText.append(integer: time, to: &text)
            text.append(contentsOf: symbol)
            text.append(contentsOf: #","U":"#.utf8)
            DecimalText.append(integer: change.firstID, to: &text)
            text.append(contentsOf: #","u":"#.utf8)
            DecimalText.append(integer: change.lastID, to: &text)
            text.append(contentsOf: #","b":["#.utf8)
            append(change.bids, to: &text)
            text.append(contentsOf: #"],"a":["#.utf8)
            append(change.asks, to: &text)
            text.append(contentsOf: "]}}".utf8)
            end(text, depth, .depth, clock.depth(at: event.due), &frames)
        case .trade(let id, let price, let quantity, let aggressor):
            let (published, sent) = clock.trade(at: event.due)
            let eventTime = event.time.advanced(byNanoseconds: published - event.due).bucket(width: 1_000_000)
            var text = begin(trade, reserving: Self.frameBytes)
            DecimalText.append(integer: eventTime, to: &text)
            text.append(contentsOf: symbol)
            text.append(contentsOf: #","t":"#.utf8)
            DecimalText.append(integer: id, to: &text)
            text.append(contentsOf: #","p":""#.utf8)
            DecimalText.append(price.mantissa * priceFactor, to: &text)
            text.append(contentsOf: #"","q":""#.utf8)
            DecimalText.append(quantity.mantissa * quantityFactor, to: &text)
            text.append(contentsOf: #"","T":"#.utf8)
            DecimalText.append(integer: time, to: &text)
            text.append(contentsOf: (aggressor == .sell ? #","m":true,"M":true}}"# : #","m":false,"M":true}}"#).utf8)
            end(text, trade, .trade, sent, &frames)
        case .quote(let updateID, let bid, let ask):
            var text = begin(quote, reserving: Self.frameBytes)
            DecimalText.append(integer: updateID, to: &text)
            text.append(contentsOf: symbol)
            text.append(contentsOf: #","b":""#.utf8)
            DecimalText.append(bid.price.mantissa * priceFactor, to: &text)
            text.append(contentsOf: #"","B":""#.utf8)
            DecimalText.append(bid.quantity.mantissa * quantityFactor, to: &text)
            text.append(contentsOf: #"","a":""#.utf8)
            DecimalText.append(ask.price.mantissa * priceFactor, to: &text)
            text.append(contentsOf: #"","A":""#.utf8)
            DecimalText.append(ask.quantity.mantissa * quantityFactor, to: &text)
            text.append(contentsOf: #""}}"#.utf8)
            end(text, quote, .quote, clock.quote(at: event.due), &frames)
        }
    }

    public func snapshot(_ book: SimulatedBook) -> [UInt8] {
        var text: [UInt8] = []
        text.reserveCapacity(Self.frameBytes + (book.bids.count + book.asks.count) * Self.levelBytes)
        text.append(contentsOf: #"{"lastUpdateId":"#.utf8)
        DecimalText.append(integer: book.updateID, to: &text)
        text.append(contentsOf: #","bids":["#.utf8)
        append(book.bids, to: &text)
        text.append(contentsOf: #"],"asks":["#.utf8)
        append(book.asks, to: &text)
        text.append(contentsOf: "]}".utf8)
        return text
    }

    private func begin(_ stream: Stream, reserving count: Int) -> [UInt8] {
        var text: [UInt8] = []
        text.reserveCapacity(count)
        text.append(contentsOf: stream.head)
        return text
    }

    private func end(
        _ text: [UInt8], _ stream: Stream, _ kind: StreamKind, _ due: Int64, _ frames: inout [MarketFrame]
    ) {
        frames.append(
            MarketFrame(
                stream: stream.name, kind: kind, due: due, bytes: text, payload: stream.start..<text.count - 1))
    }

    /// `["61837.63000000","0.50000000"],…`.
    private func append(_ levels: [PriceLevel], to text: inout [UInt8]) {
        for (rank, level) in levels.enumerated() {
            text.append(contentsOf: (rank == 0 ? "[\"" : ",[\"").utf8)
            DecimalText.append(level.price.mantissa * priceFactor, to: &text)
            text.append(contentsOf: "\",\"".utf8)
            DecimalText.append(level.quantity.mantissa * quantityFactor, to: &text)
            text.append(contentsOf: "\"]".utf8)
        }
    }
}
