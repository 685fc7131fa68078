import Runtime
import Storage
import Wire
import Foundation
import GRDB

/// A client's query of the history.
struct AlertQuery: Sendable, Equatable {
    static let limitRange = 1...1_000

    var symbol: String?
    var venue: String?
    var type: String?
    var channel: String?
    var state: Outbox.State?
    /// Bounds of the receipt time, inclusive, seconds since 1970.
    var since: Double?
    var until: Double?
    var limit = 100
    /// Cursor from the previous page: the answer continues after it.
    var cursor: String?
}

/// One alert of the history: a signal and its delivery state on one channel.
struct AlertDocument: Codable, Sendable, Equatable {
    var channel: String
    /// `pending`, `sent`, `dead` or `suppressed`.
    var state: String
    /// Why the alert is dead, suppressed, or not yet sent.
    var reason: String?
    var route: String?
    var severity: String
    var attempts: Int
    /// Id of the message that carried the alert; alerts in one grouped message share it.
    var message: String?
    /// Seconds since 1970.
    var received: Double
    var updated: Double
    var signal: SignalDocument
}

struct AlertPage: Codable, Sendable, Equatable {
    var alerts: [AlertDocument]
    /// Cursor of the next page; absent on the last page.
    var nextCursor: String?

    enum CodingKeys: String, CodingKey {
        case alerts
        case nextCursor = "next_cursor"
    }
}

extension Outbox {
    /// Alerts, newest receipt first; `nil` for an invalid cursor.
    func alerts(matching query: AlertQuery) throws(StorageError) -> AlertPage? {
        var filter = SQLFilter()
        filter.add("s.symbol = ?", query.symbol)
        filter.add("s.venue = ?", query.venue)
        filter.add("s.type = ?", query.type)
        filter.add("a.channel = ?", query.channel)
        filter.add("a.state = ?", query.state?.rawValue)
        filter.add("s.received_ns >= ?", query.since.map { Int64(($0 * 1e9).rounded()) })
        filter.add("s.received_ns <= ?", query.until.map { Int64(($0 * 1e9).rounded()) })
        if let cursor = query.cursor {
            let parts = cursor.split(separator: "~", maxSplits: 1, omittingEmptySubsequences: false)
            guard parts.count == 2, let sequence = Int64(parts[0]) else { return nil }
            filter.add(
                "(s.sequence < ? OR (s.sequence = ? AND a.channel > ?))", [sequence, sequence, String(parts[1])])
        }
        filter.arguments += [query.limit + 1]
        let sql = """
            SELECT s.sequence, s.received_ns, s.severity, s.body, a.* FROM alert a JOIN signal s ON s.sequence = a.signal
            \(filter.clause) ORDER BY s.sequence DESC, a.channel LIMIT ?
            """
        let values = filter.arguments
        return try read { database in
            let rows = try Row.fetchAll(database, sql: sql, arguments: values)
            let alerts = try rows.prefix(query.limit).map { row in
                func text(_ column: String) -> String? {
                    let value: String? = row[column]
                    return value?.isEmpty == true ? nil : value
                }
                let body: Data = row["body"]
                return AlertDocument(
                    channel: row["channel"], state: State(rawValue: row["state"])?.name ?? "", reason: text("reason"),
                    route: text("route"), severity: row["severity"], attempts: row["attempts"],
                    message: text("message"), received: Double(row["received_ns"] as Int64) / 1e9,
                    updated: Double(row["updated_ns"] as Int64) / 1e9,
                    signal: try JSONDecoder().decode(SignalDocument.self, from: body))
            }
            guard rows.count > query.limit, let last = rows.prefix(query.limit).last else {
                return AlertPage(alerts: alerts)
            }
            return AlertPage(
                alerts: alerts, nextCursor: "\(last["sequence"] as Int64)~\(last["channel"] as String)")
        }
    }

    // MARK: Silences

    /// Most silences kept at a time.
    static let silenceLimit = 1_000

    /// Silences that have not ended, in the order of their end.
    func silences(at seconds: Double) throws(StorageError) -> [Silence] {
        try read { database in
            try Data.fetchAll(
                database, sql: "SELECT body FROM silence WHERE ends_at > ? ORDER BY ends_at, id", arguments: [seconds]
            ).compactMap { try? JSONDecoder().decode(Silence.self, from: $0) }
        }
    }

    /// Adds a silence; `false` if there are too many.
    func add(_ silence: Silence, at seconds: Double) throws(StorageError) -> Bool {
        try write(.full) { database in
            let held = try Int.fetchOne(
                database, sql: "SELECT COUNT(*) FROM silence WHERE ends_at > ?", arguments: [seconds])
            guard held ?? 0 < Self.silenceLimit else { return false }
            try database.execute(
                sql: "INSERT INTO silence (id, ends_at, body) VALUES (?, ?, ?)",
                arguments: [silence.id, silence.endsAt, Data(try CompactJSON.bytes(silence))])
            return true
        }
    }

    /// Removes a silence; `false` if none has that id.
    func removeSilence(_ id: String) throws(StorageError) -> Bool {
        try write(.full) { database in
            try database.execute(sql: "DELETE FROM silence WHERE id = ?", arguments: [id])
            return database.changesCount == 1
        }
    }

    /// What a silence matches at a moment.
    struct Reach: Encodable, Equatable {
        /// Most symbols named.
        static let symbolLimit = 1_000

        /// Alerts not yet sent or given up that would have been silenced.
        var openAlerts: Int
        /// Symbols of which the history has signals, sorted.
        var symbols: [String]

        enum CodingKeys: String, CodingKey {
            case symbols
            case openAlerts = "open_alerts"
        }
    }

    func reach(of silence: Silence) throws(StorageError) -> Reach {
        let matcher = silence.matcher
        return try read { database in
            let open = try Row.fetchAll(
                database,
                sql: """
                    SELECT a.channel, s.symbol, s.venue, s.type, COUNT(*) AS count FROM alert a
                    JOIN signal s ON s.sequence = a.signal WHERE a.state = 0
                    GROUP BY a.channel, s.symbol, s.venue, s.type
                    """
            ).reduce(0) { sum, row in
                let isMatch =
                    silence.channels?.contains(row["channel"]) ?? true
                    && matcher.matches(symbol: row["symbol"], venue: row["venue"], type: row["type"])
                return sum + (isMatch ? row["count"] as Int : 0)
            }
            let markets = try Row.fetchAll(database, sql: "SELECT DISTINCT venue, symbol FROM signal")
            let symbols = markets.filter { matcher.matches(symbol: $0["symbol"], venue: $0["venue"]) }
                .map { $0["symbol"] as String }
            return Reach(openAlerts: open, symbols: Array(Set(symbols).sorted().prefix(Reach.symbolLimit)))
        }
    }
}
