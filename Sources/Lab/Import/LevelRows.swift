import Microstructure

/// Reads files with one price level per row; rows that belong together make one message.
///
/// A message with an unusable row is left out whole and invalidates its book: a book must not be built from partial
/// messages.
final class LevelRows: MessageReader {
    /// Most levels of one message.
    static let levelLimit = 50_000

    enum Kind {
        /// Changes with Binance's ids.
        case depth(first: Int, last: Int)
        /// Snapshots with Binance's id.
        case depthSnapshot(last: Int)
        /// Deltas and snapshots without ids.
        case levels(isSnapshot: Int)
    }

    struct Columns {
        var kind: Kind
        var symbol: Int?
        var price: Int
        var quantity: Int
        var receiveTime: Int
        var venueTime: Int
        var side: Int
    }

    /// What the rows of one message share.
    private struct Key: Equatable {
        var symbol: String
        var receiveTime: Timestamp
        var first: Int64 = 0
        var last: Int64 = 0
        var isSnapshot = false
    }

    private struct Group {
        let key: Key
        var levels: ImportMessage.Levels
        var line: Int
        var isBroken = false
    }

    private let rows: CSVRows
    private let columns: Columns
    private let symbol: String?
    private let exchange: ExchangeColumn?
    private var group: Group?

    init(_ rows: CSVRows, _ columns: Columns, symbol: String?, exchange: ExchangeColumn? = nil) {
        self.rows = rows
        self.columns = columns
        self.symbol = symbol
        self.exchange = exchange
    }

    var bytesRead: Int { rows.bytesRead }

    func next(_ report: inout ImportReport) -> ImportMessage? {
        while rows.next(&report) {
            do throws(RowProblem) {
                try exchange?.check(rows)
                let key = try key()
                var finished: Group?
                if group?.key != key {
                    finished = group
                    group = Group(
                        key: key,
                        levels: ImportMessage.Levels(
                            symbol: key.symbol, venueTime: try rows.time(columns.venueTime, "time")),
                        line: rows.line)
                }
                add(&report)
                if let finished { return message(finished) }
            } catch {
                report.note(.badRow, rows.path, rows.line, error.text)
                // The row's message is unknown; most likely it is the message being read.
                group?.isBroken = true
            }
        }
        defer { group = nil }
        return group.map { message($0) }
    }

    /// Adds the level of the row at hand to the group.
    private func add(_ report: inout ImportReport) {
        do throws(RowProblem) {
            let level = try rows.level(price: columns.price, quantity: columns.quantity)
            guard let count = group.map({ $0.levels.bids.count + $0.levels.asks.count }), count < Self.levelLimit else {
                throw RowProblem(text: "more than \(Self.levelLimit) levels in one message")
            }
            switch rows.text(columns.side).lowercased() {
            case "bid", "0", "false": group?.levels.bids.append(level)
            case "ask", "1", "true": group?.levels.asks.append(level)
            default: throw rows.problem(columns.side, "the side is neither bid nor ask")
            }
        } catch {
            report.note(.badRow, rows.path, rows.line, error.text)
            group?.isBroken = true
        }
    }

    private func key() throws(RowProblem) -> Key {
        var key = Key(
            symbol: try rows.symbol(columns.symbol, else: symbol),
            receiveTime: try rows.time(columns.receiveTime, "receive time"))
        switch columns.kind {
        case .depth(let first, let last):
            key.first = try rows.integer(first, "first update id")
            key.last = try rows.integer(last, "last update id")
            guard key.first <= key.last else { throw rows.problem(last, "last update id is below the first") }
        case .depthSnapshot(let last): key.last = try rows.integer(last, "last update id")
        case .levels(let isSnapshot): key.isSnapshot = try rows.flag(isSnapshot, "is_snapshot")
        }
        return key
    }

    private func message(_ group: Group) -> ImportMessage {
        let content: ImportMessage.Content =
            if group.isBroken {
                .lostLevels(symbol: group.key.symbol)
            } else {
                switch columns.kind {
                case .depth: .depth(group.levels, first: group.key.first, last: group.key.last)
                case .depthSnapshot: .depthSnapshot(group.levels, last: group.key.last)
                case .levels: .levels(group.levels, isSnapshot: group.key.isSnapshot)
                }
            }
        return ImportMessage(receiveTime: group.key.receiveTime, line: group.line, content: content)
    }
}
