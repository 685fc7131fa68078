import Microstructure

/// Reads files with one trade per row, whatever their columns are called.
final class TradeRows: RowReader {
    /// The columns of the values.
    struct Columns {
        /// Absent if `symbol` applies to the whole file.
        var symbol: Int?
        var id: Int?
        var price: Int
        var quantity: Int
        var venueTime: Int
        /// Absent where a file has one time only.
        var receiveTime: Int?
        var side: Side
        /// Ids of the first and last trade of an aggregate; checked only.
        var aggregated: (first: Int, last: Int)?

        enum Side {
            case aggressor(Int)
            case buyerIsMaker(Int)
        }
    }

    let rows: CSVRows
    private let columns: Columns
    private let symbol: String?
    let exchange: ExchangeColumn?

    init(_ rows: CSVRows, _ columns: Columns, symbol: String?, exchange: ExchangeColumn? = nil) {
        self.rows = rows
        self.columns = columns
        self.symbol = symbol
        self.exchange = exchange
    }

    func message() throws(RowProblem) -> ImportMessage {
        let venueTime = try rows.time(columns.venueTime, "time")
        let receiveTime =
            if let column = columns.receiveTime { try rows.time(column, "receive time") } else { venueTime }
        // An id that is no number is no help in finding holes.
        let id = columns.id.flatMap { $0 < rows.fields.count ? WholeNumber.parse(rows.bytes, rows.fields[$0]) : nil }
        guard id ?? 0 >= 0, id ?? 0 < .max else { throw rows.problem(columns.id ?? 0, "id is out of range") }
        if let (first, last) = columns.aggregated {
            let id = try rows.integer(first, "first trade id")
            guard try rows.integer(last, "last trade id") >= id else {
                throw rows.problem(last, "last trade id is below the first")
            }
        }
        let aggressor: AggressorSide
        switch columns.side {
        case .buyerIsMaker(let column): aggressor = try rows.flag(column, "buyer-is-maker") ? .sell : .buy
        case .aggressor(let column):
            switch rows.text(column).lowercased() {
            case "buy": aggressor = .buy
            case "sell": aggressor = .sell
            default: throw rows.problem(column, "side is neither buy nor sell")
            }
        }
        return ImportMessage(
            receiveTime: receiveTime, hasReceiveTime: columns.receiveTime != nil, line: rows.line,
            content: .trade(
                ImportMessage.Trade(
                    symbol: try rows.symbol(columns.symbol, else: symbol), id: id,
                    price: try rows.decimal(columns.price, "price"),
                    quantity: try rows.decimal(columns.quantity, "quantity"), aggressor: aggressor,
                    venueTime: venueTime)))
    }
}

/// The column that names the exchange, which must be one that this version knows.
struct ExchangeColumn {
    let column: Int

    func check(_ rows: CSVRows) throws(RowProblem) {
        // All imports are published under this one venue name.
        guard rows.text(column) != Venue.binance.rawValue else { return }
        throw rows.problem(column, "exchange is none of those known (\(Venue.binance))")
    }
}

extension CSVRows {
    /// The symbol of the row, or that of the file.
    func symbol(_ column: Int?, else fallback: String?) throws(RowProblem) -> String {
        if let column { return try symbol(column) }
        guard let fallback else { throw RowProblem(text: "no symbol; name it with --symbol") }
        return fallback
    }
}
