/// Reads files with the best levels a row: one (quotes) or more (snapshots of the top of the book).
final class TopRows: RowReader {
    struct Columns {
        /// Absent if `symbol` applies to the whole file.
        var symbol: Int?
        /// Absent where a file has the venue's times only.
        var receiveTime: Int?
        var venueTime: Int
        /// Price and quantity, best first.
        var bids: [(price: Int, quantity: Int)]
        var asks: [(price: Int, quantity: Int)]
        var isQuote: Bool
    }

    let rows: CSVRows
    private let columns: Columns
    private let symbol: String?
    let exchange: ExchangeColumn?

    init(_ rows: CSVRows, _ columns: Columns, symbol: String? = nil, exchange: ExchangeColumn? = nil) {
        self.rows = rows
        self.columns = columns
        self.symbol = symbol
        self.exchange = exchange
    }

    func message() throws(RowProblem) -> ImportMessage {
        let symbol = try rows.symbol(columns.symbol, else: symbol)
        let venueTime = try rows.time(columns.venueTime, "timestamp")
        let bids = try levels(columns.bids)
        let asks = try levels(columns.asks)
        let content: ImportMessage.Content
        if columns.isQuote {
            guard let bid = bids.first, let ask = asks.first else { throw RowProblem(text: "a side is empty") }
            content = .quote(ImportMessage.Quote(symbol: symbol, bid: bid, ask: ask, venueTime: venueTime))
        } else {
            content = .top(ImportMessage.Levels(symbol: symbol, bids: bids, asks: asks, venueTime: venueTime))
        }
        let receiveTime =
            if let column = columns.receiveTime { try rows.time(column, "receive time") } else { venueTime }
        return ImportMessage(
            receiveTime: receiveTime, hasReceiveTime: columns.receiveTime != nil, line: rows.line, content: content)
    }

    /// The levels up to the first empty one: a book may be thinner than the file is wide.
    private func levels(_ columns: [(price: Int, quantity: Int)]) throws(RowProblem) -> [ImportMessage.Level] {
        var levels: [ImportMessage.Level] = []
        for column in columns {
            guard column.price < rows.fields.count, !rows.fields[column.price].isEmpty else { break }
            levels.append(
                ImportMessage.Level(
                    price: try rows.decimal(column.price, "price"),
                    quantity: try rows.decimal(column.quantity, "quantity")))
        }
        return levels
    }
}
