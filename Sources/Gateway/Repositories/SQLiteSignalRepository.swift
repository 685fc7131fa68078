import Runtime
import Storage
import Foundation
import GRDB
import NIOCore
import Synchronization
import Wire

/// Signals in an SQLite file.
///
/// Logs can replay signals from the bus, so commits of such signals survive a kill but are not synced; a commit with a
/// posted signal is synced before the client gets its answer.
final class SQLiteSignalRepository: SignalRepository {
    struct Retention: Sendable {
        var days = 30.0
        var signals = 1_000_000
    }

    /// Most signals deleted in one commit, so that readers and the writer wait only milliseconds.
    private static let pruneLimit = 10_000

    /// Longest run time of a query.
    private static let readSeconds = 5.0

    private let file: StateFile
    private let retention: Retention
    private let hasLogs: Bool
    private let held = Atomic<Int>(0)

    /// - Parameter hasLogs: whether posted signals are marked for forwarding to a log.
    init(path: String, retention: Retention = Retention(), hasLogs: Bool = true) throws(StorageError) {
        var migrator = DatabaseMigrator()
        migrator.registerMigration("1") { database in
            try database.execute(
                sql: """
                    CREATE TABLE signal (
                        position INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT NOT NULL UNIQUE, symbol TEXT NOT NULL,
                        type TEXT NOT NULL, timestamp REAL NOT NULL, score REAL NOT NULL, stored_at REAL NOT NULL,
                        json BLOB NOT NULL);
                    CREATE INDEX signal_symbol ON signal (symbol, position);
                    CREATE INDEX signal_type ON signal (type, position);
                    CREATE INDEX signal_timestamp ON signal (timestamp);
                    CREATE TABLE unlogged (position INTEGER PRIMARY KEY, message BLOB NOT NULL);
                    CREATE TABLE idempotency (
                        key TEXT PRIMARY KEY, fingerprint TEXT NOT NULL, id TEXT NOT NULL, at REAL NOT NULL);
                    CREATE INDEX idempotency_at ON idempotency (at);
                    CREATE TABLE position (log INTEGER PRIMARY KEY, sequence INTEGER NOT NULL);
                    """)
        }
        // An index of the filter columns in answer order: a narrow copy to scan when no other index fits.
        migrator.registerMigration("2") { database in
            try database.execute(
                sql: """
                    DROP INDEX signal_timestamp;
                    CREATE INDEX signal_facts ON signal (position, timestamp, score, symbol, type);
                    """)
        }
        // The venue is in the stored JSON: a generated column rewrites no row. A posted signal names none.
        migrator.registerMigration("3") { database in
            try database.execute(
                sql: """
                    ALTER TABLE signal ADD COLUMN venue TEXT GENERATED ALWAYS AS
                        (COALESCE(json_extract(CAST(json AS TEXT), '$.venue'), '\(PostedSignal.venue)')) VIRTUAL;
                    CREATE INDEX signal_market ON signal (symbol, venue, position);
                    DROP INDEX signal_facts;
                    CREATE INDEX signal_facts ON signal (position, timestamp, score, symbol, type, venue);
                    """)
        }
        file = try StateFile(path: path, durability: .normal, readers: 8, migrate: migrator)
        self.retention = retention
        self.hasLogs = hasLogs
        let count = try file.read { try Int.fetchOne($0, sql: "SELECT COUNT(*) FROM signal") ?? 0 }
        held.store(count, ordering: .relaxed)
    }

    // MARK: Writing

    /// O(log of signals held) per signal.
    func insert(_ signals: [NewSignal], positions: [UInt64: UInt64]) throws -> [Insertion] {
        let now = Date().timeIntervalSince1970
        let insertions = try file.write(signals.contains { $0.post != nil } ? .full : .normal) { [hasLogs] database in
            let insertions = try signals.map { try Self.insert($0, at: now, isForLog: hasLogs, in: database) }
            for (log, sequence) in positions.sorted(by: { $0.key < $1.key }) {
                try database.execute(
                    sql: """
                        INSERT INTO position (log, sequence) VALUES (?, ?)
                        ON CONFLICT (log) DO UPDATE SET sequence = excluded.sequence
                        """, arguments: [Int64(bitPattern: log), Int64(bitPattern: sequence)])
            }
            return insertions
        }
        let added = insertions.count { if case .stored = $0 { true } else { false } }
        held.add(added, ordering: .relaxed)
        return insertions
    }

    private static func insert(
        _ signal: NewSignal, at now: Double, isForLog: Bool, in database: Database
    ) throws -> Insertion {
        if let key = signal.post?.key,
            let row = try Row.fetchOne(
                database, sql: "SELECT fingerprint, id FROM idempotency WHERE key = ? AND at > ?",
                arguments: [key.key, now - IdempotencyKey.memorySeconds])
        {
            guard row["fingerprint"] == key.fingerprint else { return .conflict }
            // If retention has deleted the signal meanwhile, the key is free again.
            if let known = try find(row["id"], in: database) { return .known(known) }
        }
        let document = signal.document
        if let known = try find(document.id, in: database) { return .known(known) }
        let json = try signal.post?.json ?? ByteBuffer(bytes: CompactJSON.bytes(document))
        let statement = try database.cachedStatement(
            sql: """
                INSERT INTO signal (id, symbol, type, timestamp, score, stored_at, json) VALUES (?, ?, ?, ?, ?, ?, ?)
                """)
        try statement.execute(arguments: [
            document.id, document.symbol, document.signalType, document.timestamp, document.score, now,
            Data(json.readableBytesView),
        ])
        let position = database.lastInsertedRowID
        if let post = signal.post {
            if isForLog {
                let message: Data = try post.message.serializedBytes()
                try database.cachedStatement(sql: "INSERT INTO unlogged VALUES (?, ?)").execute(
                    arguments: [position, message])
            }
            if let key = post.key {
                try database.execute(
                    sql: "INSERT OR REPLACE INTO idempotency VALUES (?, ?, ?, ?)",
                    arguments: [key.key, key.fingerprint, document.id, now])
            }
        }
        return .stored(
            StoredSignal(position: UInt64(position), id: document.id, json: json))
    }

    func unlogged(limit: Int) throws -> [(position: UInt64, signal: ProtoSignal)] {
        try file.read { database in
            try Row.fetchAll(
                database, sql: "SELECT position, message FROM unlogged ORDER BY position LIMIT ?", arguments: [limit]
            ).map { row in
                let (position, message): (Int64, Data) = (row["position"], row["message"])
                return (UInt64(position), try ProtoSignal(serializedBytes: message))
            }
        }
    }

    func markLogged(_ positions: [UInt64]) throws {
        try file.write { database in
            let statement = try database.cachedStatement(sql: "DELETE FROM unlogged WHERE position = ?")
            for position in positions { try statement.execute(arguments: [Int64(position)]) }
        }
    }

    /// Deletes signals that are too old or too many, but none that still awaits forwarding to a log.
    func prune() throws -> Int {
        let now = Date().timeIntervalSince1970
        let deleted = try file.write { database in
            try database.execute(
                sql: """
                    DELETE FROM signal WHERE position IN (
                        SELECT position FROM signal
                        WHERE (stored_at < ? OR position <= (SELECT MAX(position) FROM signal) - ?)
                        AND position NOT IN (SELECT position FROM unlogged)
                        ORDER BY position LIMIT ?)
                    """, arguments: [now - retention.days * 86_400, retention.signals, Self.pruneLimit])
            let deleted = database.changesCount
            try database.execute(
                sql: """
                    DELETE FROM idempotency WHERE at < ?
                    OR at < (SELECT at FROM idempotency ORDER BY at DESC LIMIT 1 OFFSET ?)
                    """, arguments: [now - IdempotencyKey.memorySeconds, IdempotencyKey.countLimit])
            return deleted
        }
        held.subtract(deleted, ordering: .relaxed)
        return deleted
    }

    // MARK: Reading

    var count: Int { held.load(ordering: .relaxed) }

    var positions: [UInt64: UInt64] {
        get throws {
            try file.read { database in
                let rows = try Row.fetchAll(database, sql: "SELECT log, sequence FROM position")
                return Dictionary(
                    uniqueKeysWithValues: rows.map { row in
                        let (log, sequence): (Int64, Int64) = (row["log"], row["sequence"])
                        return (UInt64(bitPattern: log), UInt64(bitPattern: sequence))
                    })
            }
        }
    }

    /// O(markets · log of signals held): a few looks into the index for each market, and none at the signals between.
    func latest(limit: Int) throws -> [StoredSignal] {
        try file.read { database in
            try Row.fetchAll(
                database,
                sql: """
                    WITH RECURSIVE market (position) AS (
                        SELECT (SELECT position FROM signal ORDER BY symbol DESC, venue DESC, position DESC LIMIT 1)
                        UNION ALL
                        SELECT COALESCE(
                            (SELECT other.position FROM signal AS other
                             WHERE other.symbol = signal.symbol AND other.venue < signal.venue
                             ORDER BY other.venue DESC, other.position DESC LIMIT 1),
                            (SELECT other.position FROM signal AS other WHERE other.symbol < signal.symbol
                             ORDER BY other.symbol DESC, other.venue DESC, other.position DESC LIMIT 1))
                        FROM market JOIN signal USING (position)
                        LIMIT ?)
                    SELECT position, id, json FROM signal WHERE position IN (SELECT position FROM market)
                    """, arguments: [limit]
            ).map(Self.stored)
        }
    }

    func signal(id: String) async throws -> StoredSignal? {
        try await file.read { try Self.find(id, in: $0) }
    }

    /// O(signals returned) if an index fits the conditions, at worst O(signals held). Throws `StoreBusy` after
    /// `readSeconds`.
    func signals(matching query: SignalQuery) async throws -> SignalPage {
        var filter = SQLFilter()
        filter.add("symbol = ?", query.market.symbol)
        filter.add("venue = ?", query.market.venue)
        filter.add("type = ?", query.type)
        filter.add("timestamp >= ?", query.since)
        filter.add("timestamp <= ?", query.until)
        filter.add("score >= ?", query.minScore)
        filter.add("position < ?", query.before.map { Int64(clamping: $0) })
        filter.arguments += [query.limit + 1]
        let isOfVenue = query.market.venue != nil && query.market.symbol == nil
        let isScan = isOfVenue || query.since != nil || query.until != nil || query.minScore != nil
        let (sql, values) = (
            """
            SELECT position, id, json FROM signal WHERE position IN (
                SELECT position FROM signal \(isScan ? "INDEXED BY signal_facts" : "") \(filter.clause)
                ORDER BY position DESC LIMIT ?)
            ORDER BY position DESC
            """, filter.arguments
        )
        let found = try await withTimeLimit { [file] in
            try await file.read { database in
                try Row.fetchAll(database, sql: sql, arguments: values).map(Self.stored)
            }
        }
        return SignalPage(signals: Array(found.prefix(query.limit)), hasMore: found.count > query.limit)
    }

    /// Cancelling a read interrupts its SQL statement.
    private func withTimeLimit<T: Sendable>(_ body: @escaping @Sendable () async throws -> T) async throws -> T {
        try await withThrowingTaskGroup(of: T?.self) { group in
            group.addTask { try await body() }
            group.addTask {
                try await Task.sleep(for: .seconds(Self.readSeconds))
                return nil
            }
            defer { group.cancelAll() }
            guard let result = try await group.next().flatMap(\.self) else { throw StoreBusy() }
            return result
        }
    }

    func backlog(after id: String, of market: MarketFilter) async throws -> SignalBacklog {
        try await file.read { database in
            let seen = try Int64.fetchOne(database, sql: "SELECT position FROM signal WHERE id = ?", arguments: [id])
            var filter = SQLFilter()
            filter.add("position > ?", seen ?? 0)
            filter.add("symbol = ?", market.symbol)
            filter.add("venue = ?", market.venue)
            let rows = try Row.fetchAll(
                database, sql: "SELECT position, id, json FROM signal \(filter.clause) ORDER BY position DESC LIMIT ?",
                arguments: filter.arguments + [SignalBacklog.limit + 1])
            let signals = rows.prefix(SignalBacklog.limit).reversed().map(Self.stored)
            let end = try Int64.fetchOne(database, sql: "SELECT MAX(position) FROM signal") ?? 0
            return SignalBacklog(
                signals: signals, isComplete: seen != nil && rows.count <= SignalBacklog.limit, end: UInt64(end))
        }
    }

    private static func find(_ id: String, in database: Database) throws -> StoredSignal? {
        let statement = try database.cachedStatement(sql: "SELECT position, id, json FROM signal WHERE id = ?")
        return try Row.fetchOne(statement, arguments: [id]).map(stored)
    }

    private static func stored(_ row: Row) -> StoredSignal {
        let json: Data = row["json"]
        return StoredSignal(
            position: UInt64(row["position"] as Int64), id: row["id"], json: ByteBuffer(bytes: json))
    }
}
