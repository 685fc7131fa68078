import Runtime
import ArgumentParser
import Foundation
import Microstructure

/// The shapes of recordings that can be imported.
package enum ImportFormat: String, CaseIterable, Sendable, ExpressibleByArgument {
    case venueRaw = "venue-raw"
    case binanceRaw = "binance-raw"
    case binanceCSV = "binance-csv"
    case tardisCSV = "tardis-csv"
    case tradesCSV = "trades-csv"

    /// Opens a file of this format. `symbol` applies to files that name none.
    func open(_ path: String, symbol: String?) throws(ImportError) -> any MessageReader {
        do {
            if self == .binanceRaw || self == .venueRaw { return try RawCaptureReader(path: path) }
            return try open(CSVRows(path: path), symbol: symbol ?? Self.symbol(ofFile: path))
        } catch let error as LineReaderError {
            throw ImportError(error)
        } catch let error as ImportError {
            throw error
        } catch {
            throw ImportError(.cannotOpen, "cannot open \(path): \(error)")
        }
    }

    private func open(_ rows: CSVRows, symbol: String?) throws -> any MessageReader {
        // Stay silent: problems of the first row appear again when the rows are read.
        var silent = ImportReport(nil)
        guard rows.next(&silent) else { return EmptyFile() }
        let header = CSVHeader(rows)
        let firstRow = String(decoding: rows.bytes.prefix(160), as: UTF8.self)
        func refusal(_ reason: String) -> ImportError {
            ImportError(.noUsableData, "\(rows.path): not a file of \(rawValue): \(reason)")
        }
        if let name = ForeignFormat.name(header) { throw refusal(name) }
        guard let reader = try reader(rows, symbol) else {
            let advice = try ForeignFormat.advice(rows, as: self, symbol)
            throw refusal("its first row is '\(firstRow)'; \(advice ?? "`microlab import --help` lists the columns")")
        }
        if self == .tardisCSV, let column = header?.column("exchange"), rows.next(&silent) {
            rows.hold()
            if let reason = ForeignFormat.reason(exchange: rows.text(column)) { throw refusal(reason) }
        }
        return reader
    }

    /// The reader of a file whose first row is at hand; `nil` where it is not of this format.
    func reader(_ rows: CSVRows, _ symbol: String?) throws(LineReaderError) -> (any MessageReader)? {
        let header = CSVHeader(rows)
        switch self {
        case .binanceCSV:
            if let header, let reader = binance(rows, header, symbol) { return reader }
            guard let layout = try DumpLayout(path: rows.path) else { return nil }
            rows.hold()
            return layout.reader(rows, symbol: symbol)
        case .tardisCSV: return header.flatMap { tardis(rows, $0) }
        case .tradesCSV: return header.flatMap { trades(rows, $0, symbol) }
        case .binanceRaw, .venueRaw: return nil
        }
    }

    // MARK: Columns

    private func binance(_ rows: CSVRows, _ header: CSVHeader, _ symbol: String?) -> (any MessageReader)? {
        if let price = header.column("price"), let quantity = header.column("quantity"),
            let side = header.column("isask"), let receiveTime = header.column("timestampofreceive"),
            let last = header.column("finalupdateid", "lastupdateid")
        {
            let first = header.column("firstupdateid")
            return LevelRows(
                rows,
                LevelRows.Columns(
                    kind: first.map { .depth(first: $0, last: last) } ?? .depthSnapshot(last: last),
                    symbol: header.column("symbol"), price: price, quantity: quantity, receiveTime: receiveTime,
                    venueTime: header.column("eventtime") ?? receiveTime, side: side),
                symbol: Self.symbol(ofComments: rows.comments) ?? symbol)
        }
        if let bid = header.column("bestbidprice"), let bidSize = header.column("bestbidqty"),
            let ask = header.column("bestaskprice"), let askSize = header.column("bestaskqty"),
            let time = header.column("transactiontime", "eventtime")
        {
            return TopRows(
                rows,
                TopRows.Columns(
                    symbol: header.column("symbol"), venueTime: time, bids: [(bid, bidSize)], asks: [(ask, askSize)],
                    isQuote: true), symbol: symbol)
        }
        return trades(rows, header, symbol)
    }

    private func trades(_ rows: CSVRows, _ header: CSVHeader, _ symbol: String?) -> (any MessageReader)? {
        // The side of a level, not of a trade.
        guard header.column("issnapshot") == nil else { return nil }
        let side: TradeRows.Columns.Side
        if let column = header.column("isbuyermaker", "isbuyermarketmaker", "m", "wasthebuyerthemaker") {
            side = .buyerIsMaker(column)
        } else if let column = header.column("side") {
            side = .aggressor(column)
        } else {
            return nil
        }
        guard let price = header.column("price", "p"),
            let quantity = header.column("quantity", "qty", "amount", "size", "q"),
            let time = header.column("transactiontime", "transacttime", "timestamp", "time", "t", "eventtime")
        else { return nil }
        return TradeRows(
            rows,
            TradeRows.Columns(
                symbol: header.column("symbol"), id: header.column("tradeid", "aggtradeid", "id", "a"), price: price,
                quantity: quantity, venueTime: time,
                receiveTime: header.column("timestampofreceive", "localtimestamp", "receivetime"), side: side),
            symbol: symbol)
    }

    private func tardis(_ rows: CSVRows, _ header: CSVHeader) -> (any MessageReader)? {
        guard let exchange = header.column("exchange").map(ExchangeColumn.init), let symbol = header.column("symbol"),
            let venueTime = header.column("timestamp"), let receiveTime = header.column("localtimestamp")
        else { return nil }
        if let isSnapshot = header.column("issnapshot"), let side = header.column("side"),
            let price = header.column("price"), let quantity = header.column("amount")
        {
            return LevelRows(
                rows,
                LevelRows.Columns(
                    kind: .levels(isSnapshot: isSnapshot), symbol: symbol, price: price, quantity: quantity,
                    receiveTime: receiveTime, venueTime: venueTime, side: side),
                symbol: nil, exchange: exchange)
        }
        func columns(_ side: String) -> [(price: Int, quantity: Int)] {
            (0..<CSVRows.columnLimit).lazy.map { rank in
                (header.column("\(side)s\(rank)price"), header.column("\(side)s\(rank)amount"))
            }.prefix { $0.0 != nil && $0.1 != nil }.map { ($0.0 ?? 0, $0.1 ?? 0) }
        }
        if let bid = header.column("bidprice"), let bidSize = header.column("bidamount"),
            let ask = header.column("askprice"), let askSize = header.column("askamount")
        {
            return TopRows(
                rows,
                TopRows.Columns(
                    symbol: symbol, receiveTime: receiveTime, venueTime: venueTime, bids: [(bid, bidSize)],
                    asks: [(ask, askSize)], isQuote: true), exchange: exchange)
        }
        let (bids, asks) = (columns("bid"), columns("ask"))
        if !bids.isEmpty, !asks.isEmpty {
            return TopRows(
                rows,
                TopRows.Columns(
                    symbol: symbol, receiveTime: receiveTime, venueTime: venueTime, bids: bids, asks: asks,
                    isQuote: false), exchange: exchange)
        }
        guard let side = header.column("side"), let price = header.column("price"),
            let quantity = header.column("amount")
        else { return nil }
        return TradeRows(
            rows,
            TradeRows.Columns(
                symbol: symbol, id: header.column("id"), price: price, quantity: quantity, venueTime: venueTime,
                receiveTime: receiveTime, side: .aggressor(side)), symbol: nil, exchange: exchange)
    }

    // MARK: Symbols

    /// `BTCUSDT-trades-2024-08-08.csv`: what stands before the first hyphen.
    private static func symbol(ofFile path: String) -> String? {
        let name = URL(filePath: path).lastPathComponent
        guard let hyphen = name.firstIndex(of: "-") else { return nil }
        let symbol = name[..<hyphen]
        return symbol.count >= 5 && symbol.allSatisfy { $0.isNumber || ($0.isLetter && !$0.isLowercase) }
            ? SymbolName.normalized(symbol.utf8) : nil
    }

    /// `# DEPTH_SNAPSHOT SPOT BTCUSDT 14-04-2025` in the comments before the header.
    private static func symbol(ofComments comments: [String]) -> String? {
        for comment in comments {
            let words = comment.split(separator: " ")
            if let spot = words.firstIndex(of: "SPOT"), spot + 1 < words.count {
                return SymbolName.normalized(words[spot + 1].utf8)
            }
        }
        return nil
    }
}

private final class EmptyFile: MessageReader {
    let bytesRead = 0
    func next(_ report: inout ImportReport) -> ImportMessage? { nil }
}
