import Microstructure
import Runtime

/// Says of a file that cannot be read as asked what it is, and what to do.
enum ForeignFormat {
    /// Sets of columns that tell known files which no format reads.
    private static let known: [(columns: [String], name: String)] = [
        (
            ["firstupdateid", "lastupdateid", "side", "updatetype", "pu"],
            "it is Binance's T_DEPTH dump, the order book of a futures market, which chains by pu and cannot be imported; "
                + "its trades and aggTrades dumps can"
        ),
        (
            ["percentage", "depth", "notional"],
            "it is Binance's bookDepth dump, sums of levels from which no book can be built"
        ),
        (
            ["opentime", "open", "high", "low", "close"],
            "it holds candles (klines); import the trades or aggTrades dump"
        ),
        (["sumopeninterest"], "it is Binance's metrics dump, which holds no market data of a book or trade"),
        (["exchange", "fundingrate"], "it is tardis' derivative_ticker, which holds neither book nor trades"),
        (["exchange", "strikeprice"], "it is tardis' options_chain; only spot data can be imported"),
    ]

    /// What a file with these columns is; `nil` where it may be readable.
    static func name(_ header: CSVHeader?) -> String? {
        guard let header else { return nil }
        return known.first { $0.columns.allSatisfy { header.column($0) != nil } }?.name
    }

    /// What to do about a file that is not of `format`; its first row is at hand.
    static func advice(_ rows: CSVRows, as format: ImportFormat, _ symbol: String?) throws(LineReaderError) -> String? {
        let start = String(decoding: rows.bytes.prefix(160), as: UTF8.self)
        if start.first == "{" || start.contains(" {") { return "use --format \(ImportFormat.binanceRaw.rawValue)" }
        if rows.fields.count == 12, isTime(rows, 0), isTime(rows, 6) {
            return "it holds candles (klines); import the trades or aggTrades dump"
        }
        for other in ImportFormat.allCases where other != format {
            let again = try CSVRows(path: rows.path)
            var silent = ImportReport(nil)
            if again.next(&silent), try other.reader(again, symbol) != nil { return "use --format \(other.rawValue)" }
        }
        return nil
    }

    /// Why a file of that exchange cannot be imported; `nil` where it can, or where none is named.
    static func reason(exchange: String) -> String? {
        guard !exchange.isEmpty, exchange != Venue.binance.rawValue else { return nil }
        let kind =
            switch exchange {
            case "binance-futures": "Binance's USD-M futures"
            case "binance-delivery": "Binance's COIN-M futures"
            case "binance-options", "binance-european-options": "Binance's options"
            default: "another exchange"
            }
        return
            "it is of the exchange '\(exchange)', \(kind); only '\(Venue.binance)', Binance's spot market, can be imported"
    }

    private static func isTime(_ rows: CSVRows, _ column: Int) -> Bool {
        RecordingTime.parse(rows.bytes, rows.fields[column]) != nil
    }
}
