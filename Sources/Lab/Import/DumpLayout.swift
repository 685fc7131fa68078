import Microstructure
import Runtime

/// The columns of Binance's public dumps without a header: the layout of which most rows are messages.
///
/// No single cell decides. A `last_trade_id` of 3735683259 is also a time in seconds, but its row is a trade only as an
/// aggregate: only then flag, time, ids, price and size are all where they belong.
enum DumpLayout: CaseIterable {
    /// `id, price, qty, quote_qty, time, is_buyer_maker[, is_best_match]`
    case trades
    /// `agg_trade_id, price, qty, first_id, last_id, time, is_buyer_maker[, is_best_match]`
    case aggregates
    /// `update_id, bid_price, bid_qty, ask_price, ask_qty, transaction_time, event_time`
    case quotes

    /// Rows looked at: a file's first million.
    private static let rowLimit = 1_000_000

    /// Reads the file; `nil` where its rows are of no layout.
    init?(path: String) throws(LineReaderError) {
        let rows = try CSVRows(path: path)
        let readers = Self.allCases.map { ($0, $0.reader(rows, symbol: "ANY")) }
        var counts = Array(repeating: 0, count: readers.count)
        var silent = ImportReport(nil)
        var seen = 0
        while seen < Self.rowLimit, rows.next(&silent) {
            seen += 1
            for (index, (_, reader)) in readers.enumerated() where (try? reader.message()) != nil { counts[index] += 1 }
        }
        guard let most = counts.max(), most > 0, let best = counts.firstIndex(of: most) else { return nil }
        self = readers[best].0
    }

    func reader(_ rows: CSVRows, symbol: String?) -> any RowReader {
        switch self {
        case .trades: trades(rows, time: 4, aggregated: nil, symbol)
        case .aggregates: trades(rows, time: 5, aggregated: (3, 4), symbol)
        case .quotes:
            TopRows(
                rows, TopRows.Columns(venueTime: 5, bids: [(1, 2)], asks: [(3, 4)], isQuote: true), symbol: symbol)
        }
    }

    private func trades(
        _ rows: CSVRows, time: Int, aggregated: (first: Int, last: Int)?, _ symbol: String?
    ) -> TradeRows {
        TradeRows(
            rows,
            TradeRows.Columns(
                id: 0, price: 1, quantity: 2, venueTime: time, side: .buyerIsMaker(time + 1), aggregated: aggregated),
            symbol: symbol)
    }
}
