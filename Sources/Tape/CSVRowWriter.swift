import Microstructure
import Wire

/// Market events as rows of CSV, decimals exact.
package struct CSVRowWriter {
    /// Levels per side; deeper levels are left out.
    static let levelCount = 20

    package static let header: String = {
        var columns = [
            "kind", "receive_time_ns", "venue_time_ns", "symbol", "book_epoch", "validity", "update_id", "id", "price",
            "quantity", "side", "backfilled",
        ]
        for side in ["bid", "ask"] {
            for level in 1...levelCount { columns += ["\(side)_price_\(level)", "\(side)_quantity_\(level)"] }
        }
        return columns.joined(separator: ",") + "\n"
    }()

    /// Rows written and not taken yet.
    package private(set) var bytes: [UInt8] = []

    package init() {}

    package mutating func removeAll() { bytes.removeAll(keepingCapacity: true) }

    /// Appends the row of a tick; returns `false` for other payloads.
    package mutating func append(_ envelope: ProtoEnvelope, symbol: String) -> Bool {
        switch envelope.payload {
        case .book(let book):
            begin("book", book.receiveTimeNs, book.venueTimeNs, symbol)
            fields("\(book.bookEpoch)", Self.name(book.validity), "\(book.updateID)", "", "", "", "", "")
            levels(book.bidPrices, book.bidQuantities, book.priceExponent, book.quantityExponent)
            levels(book.askPrices, book.askQuantities, book.priceExponent, book.quantityExponent)
        case .quote(let quote):
            begin("quote", quote.receiveTimeNs, quote.venueTimeNs, symbol)
            fields("", "", "\(quote.updateID)", "", "", "", "", "")
            levels([quote.bidPrice], [quote.bidQuantity], quote.priceExponent, quote.quantityExponent)
            levels([quote.askPrice], [quote.askQuantity], quote.priceExponent, quote.quantityExponent)
        case .trade(let trade):
            begin("trade", trade.receiveTimeNs, trade.venueTimeNs, symbol)
            fields("", "", "", "\(trade.id)")
            decimal(trade.price, trade.priceExponent)
            decimal(trade.quantity, trade.quantityExponent)
            fields(Self.name(trade.aggressor), trade.backfilled ? "1" : "0")
            levels([], [], 0, 0)
            levels([], [], 0, 0)
        case .status(let status):
            begin("status", status.receiveTimeNs, status.venueTimeNs, symbol)
            fields("\(status.bookEpoch)", Self.name(status.validity), "", "", "", "", "", "")
            levels([], [], 0, 0)
            levels([], [], 0, 0)
        case .featureVector, .signal, .detectorState, .featureSchema, nil:
            return false
        }
        bytes.append(UInt8(ascii: "\n"))
        return true
    }

    private mutating func begin(_ kind: String, _ receiveTime: Int64, _ venueTime: Int64, _ symbol: String) {
        bytes.append(contentsOf: kind.utf8)
        fields("\(receiveTime)", "\(venueTime)", symbol)
    }

    private mutating func fields(_ texts: String...) {
        for text in texts {
            bytes.append(UInt8(ascii: ","))
            bytes.append(contentsOf: text.utf8)
        }
    }

    private mutating func levels(_ prices: [Int64], _ quantities: [Int64], _ price: Int32, _ quantity: Int32) {
        for level in 0..<Self.levelCount {
            guard level < prices.count, level < quantities.count else {
                fields("", "")
                continue
            }
            decimal(prices[level], price)
            decimal(quantities[level], quantity)
        }
    }

    private mutating func decimal(_ mantissa: Int64, _ exponent: Int32) {
        bytes.append(UInt8(ascii: ","))
        bytes.append(contentsOf: DecimalNotation.text(mantissa, exponent: exponent).utf8)
    }

    private static func name(_ validity: ProtoValidity) -> String {
        switch validity {
        case .valid: "valid"
        case .resyncing: "resyncing"
        case .stale: "stale"
        case .unspecified, .UNRECOGNIZED: ""
        }
    }

    private static func name(_ side: ProtoAggressorSide) -> String {
        switch side {
        case .buy: "buy"
        case .sell: "sell"
        case .unspecified, .UNRECOGNIZED: ""
        }
    }
}
