import Runtime
import Storage
import Wire
import Foundation
import GRDB

/// Received signals and the delivery state of each on each channel, in an SQLite file.
///
/// One row per signal and channel goes from pending to sent, dead or suppressed. The signal logs can replay everything
/// here, so their commits survive a kill but are not synced one by one: after a power loss the stored log position is as
/// old as the rows, and the replay brings the rest. Silences and requested retries exist here only, and are synced.
final class Outbox: Sendable {
    enum State: Int, Sendable, CaseIterable {
        case pending = 0
        case sent, dead, suppressed

        var name: String {
            switch self {
            case .pending: "pending"
            case .sent: "sent"
            case .dead: "dead"
            case .suppressed: "suppressed"
            }
        }

        init?(name: String) {
            guard let state = Self.allCases.first(where: { $0.name == name }) else { return nil }
            self = state
        }
    }

    struct Entry: Sendable {
        let signal: SignalDocument
        let severity: Severity
        let decisions: [AlertDecision]
    }

    /// Most history rows kept, besides pending rows; the oldest are deleted first.
    static let historyLimit: Int64 = 1_000_000

    let file: StateFile
    /// When the outbox was created, nanoseconds since 1970.
    let createdAt: Int64

    /// - Parameter isOwner: `false` for tools that run beside an alerter.
    init(path: String, at now: Int64, isOwner: Bool = true) throws(StorageError) {
        var migrator = DatabaseMigrator()
        migrator.registerMigration("1") { database in
            try database.execute(
                sql: """
                    CREATE TABLE outbox (created_ns INTEGER NOT NULL);
                    CREATE TABLE position (log INTEGER PRIMARY KEY, sequence INTEGER NOT NULL);
                    CREATE TABLE signal (
                        sequence INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT NOT NULL UNIQUE, symbol TEXT NOT NULL,
                        type TEXT NOT NULL, score REAL NOT NULL, severity TEXT NOT NULL, received_ns INTEGER NOT NULL,
                        body BLOB NOT NULL);
                    CREATE INDEX signal_symbol ON signal (symbol, sequence);
                    CREATE TABLE alert (
                        channel TEXT NOT NULL, signal INTEGER NOT NULL REFERENCES signal ON DELETE CASCADE,
                        state INTEGER NOT NULL, lane TEXT NOT NULL, route TEXT NOT NULL, reason TEXT NOT NULL,
                        attempts INTEGER NOT NULL, ready_ns INTEGER NOT NULL, updated_ns INTEGER NOT NULL, message TEXT,
                        PRIMARY KEY (channel, signal)) WITHOUT ROWID;
                    CREATE INDEX alert_signal ON alert (signal);
                    CREATE INDEX alert_pending ON alert (channel, lane, signal, ready_ns) WHERE state = 0;
                    CREATE INDEX alert_dead ON alert (channel, signal) WHERE state = 2;
                    CREATE TABLE silence (id TEXT PRIMARY KEY, ends_at REAL NOT NULL, body BLOB NOT NULL);
                    """)
            try database.execute(sql: "INSERT INTO outbox VALUES (?)", arguments: [now])
        }
        // The severity's rank orders the queue; `due_ns` is when the alert was first to be sent; a note is what a channel
        // was told by its service.
        migrator.registerMigration("2") { database in
            try database.execute(
                sql: """
                    ALTER TABLE alert ADD COLUMN rank INTEGER NOT NULL DEFAULT 0;
                    ALTER TABLE alert ADD COLUMN due_ns INTEGER NOT NULL DEFAULT 0;
                    UPDATE alert SET due_ns = ready_ns, rank = (
                        SELECT CASE severity WHEN 'critical' THEN 2 WHEN 'warning' THEN 1 ELSE 0 END
                        FROM signal WHERE sequence = alert.signal) WHERE state IN (0, 2);
                    CREATE INDEX alert_rank ON alert (channel, lane, rank) WHERE state = 0;
                    CREATE TABLE note (channel TEXT NOT NULL, name TEXT NOT NULL, value TEXT NOT NULL,
                        PRIMARY KEY (channel, name)) WITHOUT ROWID;
                    """)
        }
        // The venue is in the stored body: a generated column rewrites no row.
        migrator.registerMigration("3") { database in
            try database.execute(
                sql: """
                    ALTER TABLE signal ADD COLUMN venue TEXT GENERATED ALWAYS AS
                        (COALESCE(json_extract(CAST(body AS TEXT), '$.venue'), '')) VIRTUAL;
                    CREATE INDEX signal_venue ON signal (venue, symbol, sequence);
                    """)
        }
        file = try StateFile(path: path, durability: .normal, isOwner: isOwner, readers: 4, migrate: migrator)
        createdAt = try file.read { try Int64.fetchOne($0, sql: "SELECT created_ns FROM outbox") } ?? now
    }

    func read<T: Sendable>(_ body: (Database) throws -> T) throws(StorageError) -> T {
        try file.read(body)
    }

    /// - Parameter commit: full for what a person has asked for and no log can replay.
    func write<T: Sendable>(
        _ commit: StateFile.Durability = .normal, _ body: (Database) throws -> T
    ) throws(StorageError) -> T {
        try file.write(commit, body)
    }

    // MARK: Taking in

    var positions: [UInt64: UInt64] {
        get throws(StorageError) {
            try read { database in
                var positions: [UInt64: UInt64] = [:]
                for row in try Row.fetchAll(database, sql: "SELECT log, sequence FROM position") {
                    let (log, sequence): (Int64, Int64) = (row["log"], row["sequence"])
                    positions[UInt64(bitPattern: log)] = UInt64(bitPattern: sequence)
                }
                return positions
            }
        }
    }

    /// The subset of `ids` that the outbox holds.
    func known(_ ids: [String]) throws(StorageError) -> Set<String> {
        try read { database in
            let statement = try database.cachedStatement(sql: "SELECT 1 FROM signal WHERE id = ?")
            return try Set(ids.filter { try Int.fetchOne(statement, arguments: [$0]) != nil })
        }
    }

    /// Adds signals with their decisions, and each log's position after them; all or nothing. A signal whose id is
    /// already known stays unchanged.
    func insert(_ entries: [Entry], positions: [UInt64: UInt64], at now: Int64) throws(StorageError) {
        try write { database in
            let signal = try database.cachedStatement(
                sql: """
                    INSERT INTO signal (id, symbol, type, score, severity, received_ns, body) VALUES (?, ?, ?, ?, ?, ?, ?)
                    ON CONFLICT (id) DO NOTHING
                    """)
            let alert = try database.cachedStatement(
                sql: """
                    INSERT INTO alert (
                        channel, signal, state, lane, route, reason, attempts, ready_ns, updated_ns, due_ns, rank)
                    VALUES (?1, ?2, ?3, ?4, ?5, ?6, 0, ?7, ?8, ?7, ?9)
                    """)
            for entry in entries {
                let body = Data(try CompactJSON.bytes(entry.signal))
                try signal.execute(arguments: [
                    entry.signal.id, entry.signal.symbol, entry.signal.signalType, entry.signal.score,
                    entry.severity.rawValue, now, body,
                ])
                guard database.changesCount == 1 else { continue }
                let sequence = database.lastInsertedRowID
                for decision in entry.decisions {
                    switch decision.outcome {
                    case .deliver(let lane, let readyAt, let hold):
                        try alert.execute(arguments: [
                            decision.channel, sequence, State.pending.rawValue, lane, decision.route, hold ?? "",
                            readyAt, now, entry.severity.rank,
                        ])
                    case .suppress(let reason):
                        try alert.execute(arguments: [
                            decision.channel, sequence, State.suppressed.rawValue, "", decision.route, reason.rawValue,
                            now, now, entry.severity.rank,
                        ])
                    }
                }
            }
            for (log, sequence) in positions.sorted(by: { $0.key < $1.key }) {
                try database.execute(
                    sql: """
                        INSERT INTO position (log, sequence) VALUES (?, ?)
                        ON CONFLICT (log) DO UPDATE SET sequence = excluded.sequence
                        """, arguments: [Int64(bitPattern: log), Int64(bitPattern: sequence)])
            }
        }
    }

    /// The decisions since `time`, oldest first, for the policy engine of a restarted alerter.
    func decisions(
        since time: Int64, _ body: (SignalDocument, _ channel: String?, _ route: String, _ time: Int64) -> Void
    ) throws(StorageError) {
        try read { database in
            let rows = try Row.fetchCursor(
                database,
                sql: """
                    SELECT s.body, s.received_ns, a.channel, a.route FROM signal s
                    LEFT JOIN alert a ON a.signal = s.sequence AND a.state <> 3
                    WHERE s.received_ns >= ? ORDER BY s.sequence
                    """, arguments: [time])
            while let row = try rows.next() {
                let data: Data = row["body"]
                guard let signal = try? JSONDecoder().decode(SignalDocument.self, from: data) else { continue }
                body(signal, row["channel"], row["route"] ?? "", row["received_ns"])
            }
        }
    }

    // MARK: Keeping

    /// What a channel was told by its service, e.g. a group's new id; `nil` if nothing.
    func note(_ name: String, on channel: String) throws(StorageError) -> String? {
        try read { database in
            try String.fetchOne(
                database, sql: "SELECT value FROM note WHERE channel = ? AND name = ?", arguments: [channel, name])
        }
    }

    func keep(_ value: String, as name: String, on channel: String) throws(StorageError) {
        try write { database in
            try database.execute(
                sql: """
                    INSERT INTO note (channel, name, value) VALUES (?, ?, ?)
                    ON CONFLICT (channel, name) DO UPDATE SET value = excluded.value
                    """, arguments: [channel, name, value])
        }
    }

    /// The number of rows in a state, by channel.
    func counts(_ state: State) throws(StorageError) -> [String: Int] {
        try read { database in
            let condition = state == .pending ? "state = 0" : "state = \(state.rawValue)"
            let rows = try Row.fetchAll(
                database, sql: "SELECT channel, COUNT(*) AS count FROM alert WHERE \(condition) GROUP BY channel")
            return Dictionary(uniqueKeysWithValues: rows.map { ($0["channel"], $0["count"]) })
        }
    }

    /// Deletes signals older than `days` or beyond `historyLimit`, unless a channel has them pending. Returns how many.
    func prune(days: Double, at now: Int64) throws(StorageError) -> Int {
        try write { database in
            try database.execute(
                sql: """
                    DELETE FROM signal WHERE sequence IN (
                        SELECT sequence FROM signal s
                        WHERE (received_ns < ? OR sequence <= (SELECT MAX(sequence) FROM signal) - ?)
                        AND NOT EXISTS (SELECT 1 FROM alert a WHERE a.signal = s.sequence AND a.state = 0)
                        ORDER BY sequence LIMIT 10000)
                    """, arguments: [now - Int64(days * 86_400e9), Self.historyLimit])
            let deleted = database.changesCount
            try database.execute(sql: "DELETE FROM silence WHERE ends_at < ?", arguments: [Double(now) / 1e9 - 86_400])
            return deleted
        }
    }
}
