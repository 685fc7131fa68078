import Microstructure
import Runtime

/// Single orders recorded as CSV, as the R and Python packages ob-analytics read them:
/// `id,timestamp,exchange_timestamp,price,volume,action,direction`, with times in ms, oldest first.
///
/// The recorder adds a snapshot before the first event, an order a row, and behind the last event deletes what still rests. Both
/// are told by their times: all rows of each have the same.
struct OrderRecording {
    /// Most rows held in memory, about 80 bytes each; further ones are bad rows.
    static let rowLimit = 20_000_000

    enum Kind {
        case orders
        /// `trade_id,timestamp,exchange_timestamp,price,amount,buy_order_id,sell_order_id,side`.
        case trades

        /// `nil` for any other file.
        init?(path: String) throws(ImportError) {
            var report = ImportReport(nil)
            let rows = try OrderRecording.open(path)
            guard rows.next(&report), let header = CSVHeader(rows) else { return nil }
            if header.column("buyorderid") != nil, header.column("sellorderid") != nil {
                self = .trades
            } else if header.column("action") != nil, header.column("direction") != nil,
                header.column("exchangetimestamp") != nil
            {
                self = .orders
            } else {
                return nil
            }
        }
    }

    /// A trade between two orders that both have an id.
    struct Trade {
        let venueTime: Timestamp
        let price: Price
        let quantity: Quantity
        let maker: UInt64
    }

    private(set) var snapshot: ArraySlice<OrderUpdate> = []
    private(set) var events: ArraySlice<OrderUpdate> = []
    /// The recorder's deletions of what still rests at the end.
    private(set) var closing: ArraySlice<OrderUpdate> = []
    private(set) var trades: [Trade] = []
    /// One price unit is 10 to this power, and one size unit.
    let exponents: (price: Int8, quantity: Int8)

    init(orders path: String, trades tradePaths: [String], _ report: inout ImportReport) throws(ImportError) {
        let found = try Self.exponents(of: path)
        exponents = found
        var rows: [OrderUpdate] = []
        try Self.forEach(path, &report) { (file, columns) throws(RowProblem) in
            guard rows.count < Self.rowLimit else {
                throw RowProblem(text: "beyond the first \(Self.rowLimit) rows")
            }
            rows.append(try Self.order(file, columns, found))
        }
        guard let first = rows.first?.times, let last = rows.last?.times else {
            throw ImportError(.noUsableData, "\(path): holds no order")
        }
        let start = rows.firstIndex { $0.times != first || $0.action != .add } ?? rows.count
        let end = rows.lastIndex { $0.times != last || $0.action != .delete }.map { $0 + 1 } ?? 0
        snapshot = rows[..<start]
        events = rows[start..<max(start, end)]
        closing = rows[max(start, end)...]
        for path in tradePaths {
            var trades: [Trade] = []
            try Self.forEach(path, &report) { (rows, columns) throws(RowProblem) in
                trades.append(try Self.trade(rows, columns, found))
            }
            self.trades += trades
        }
    }

    private static func open(_ path: String) throws(ImportError) -> CSVRows {
        do throws(LineReaderError) {
            return try CSVRows(path: path)
        } catch {
            throw ImportError(error)
        }
    }

    private static func forEach(
        _ path: String, _ report: inout ImportReport, _ body: (CSVRows, CSVHeader) throws(RowProblem) -> Void
    ) throws(ImportError) {
        let rows = try open(path)
        guard rows.next(&report), let header = CSVHeader(rows) else {
            throw ImportError(.noUsableData, "\(path): does not begin with the names of its columns")
        }
        while rows.next(&report) {
            do throws(RowProblem) {
                try body(rows, header)
            } catch {
                report.note(.badRow, path, rows.line, error.text)
            }
        }
    }

    /// The units in which all prices and all sizes are whole.
    private static func exponents(of path: String) throws(ImportError) -> (price: Int8, quantity: Int8) {
        var report = ImportReport(nil)
        var prices = DecimalSurvey()
        var sizes = DecimalSurvey()
        try forEach(path, &report) { (rows, header) throws(RowProblem) in
            prices.add(try rows.decimal(header.column("price") ?? .max, "price", allowsZero: true))
            sizes.add(try rows.decimal(header.column("volume") ?? .max, "volume", allowsZero: true))
        }
        return (min(0, prices.exponent), min(0, sizes.exponent))
    }

    private static func times(_ rows: CSVRows, _ header: CSVHeader) throws(RowProblem) -> EventTimes {
        EventTimes(
            venue: try rows.time(header.column("exchangetimestamp") ?? .max, "exchange_timestamp"),
            receive: try rows.time(header.column("timestamp") ?? .max, "timestamp"))
    }

    private static func units(
        _ rows: CSVRows, _ column: Int?, _ name: String, _ exponent: Int8
    ) throws(RowProblem) -> Int64 {
        guard let units = try rows.decimal(column ?? .max, name, allowsZero: true).units(of: exponent) else {
            throw rows.problem(column ?? .max, "\(name) does not fit")
        }
        return units
    }

    private static func order(
        _ rows: CSVRows, _ header: CSVHeader, _ exponents: (price: Int8, quantity: Int8)
    ) throws(RowProblem) -> OrderUpdate {
        let actions: [String: OrderUpdate.Action] = ["created": .add, "changed": .change, "deleted": .delete]
        let sides: [String: BookSide.Kind] = ["bid": .bid, "ask": .ask]
        guard let action = actions[rows.text(header.column("action") ?? .max)] else {
            throw rows.problem(header.column("action") ?? .max, "action is not created, changed or deleted")
        }
        guard let side = sides[rows.text(header.column("direction") ?? .max)] else {
            throw rows.problem(header.column("direction") ?? .max, "direction is neither bid nor ask")
        }
        var price = try units(rows, header.column("price"), "price", exponents.price)
        // Bitstamp's market orders to buy.
        if Decimal10.value(price, exponent: exponents.price) == 999_999_999 { price = 0 }
        let size = try units(rows, header.column("volume"), "volume", exponents.quantity)
        return OrderUpdate(
            instrument: InstrumentID(0), times: try times(rows, header),
            id: UInt64(try rows.integer(header.column("id") ?? .max, "id")), action: action,
            reason: action == .delete ? (size == 0 ? .filled : .cancelled) : .unknown, side: side, price: Price(price),
            quantity: Quantity(size))
    }

    private static func trade(
        _ rows: CSVRows, _ header: CSVHeader, _ exponents: (price: Int8, quantity: Int8)
    ) throws(RowProblem) -> Trade {
        let side = rows.text(header.column("side") ?? .max)
        guard side == "buy" || side == "sell" else {
            throw rows.problem(header.column("side") ?? .max, "side is neither buy nor sell")
        }
        let maker = header.column(side == "buy" ? "sellorderid" : "buyorderid") ?? .max
        return Trade(
            venueTime: try times(rows, header).venue,
            price: Price(try units(rows, header.column("price"), "price", exponents.price)),
            quantity: Quantity(try units(rows, header.column("amount"), "amount", exponents.quantity)),
            maker: UInt64(try rows.integer(maker, "order id")))
    }
}
