import Storage
import Foundation
import GRDB
import Wire

/// The durable log of signals: appended signals are synced to the disk before `append` returns.
///
/// Sequences are contiguous from 1 and never reused, even after retention deletes signals; ids are unique. One writer.
final class SignalLog: Sendable {
    /// How much the log keeps.
    struct Retention: Sendable {
        var days: Double
        var bytes: Int
    }

    /// The range of sequences that the log holds now.
    struct Extent: Sendable, Equatable {
        /// Identifies the log: random, drawn when the file is created.
        let id: UInt64
        /// The oldest sequence held; `last + 1` if the log is empty.
        var first: UInt64
        /// The newest sequence assigned; 0 before the first.
        var last: UInt64
    }

    /// The outcome of an append.
    struct Receipt {
        /// The signals new to the log, in order, with their sequences.
        var logged: [ProtoSignal]
        /// Number of signals whose id the log already held.
        var duplicates: Int
    }

    /// Most signals and bytes in one replay answer.
    static let replayLimit = 500
    static let replayBytes = 512 << 10

    private let file: StateFile

    init(path: String) throws(StorageError) {
        var migrator = DatabaseMigrator()
        migrator.registerMigration("1") { database in
            try database.execute(
                sql: """
                    CREATE TABLE log (id INTEGER NOT NULL, head INTEGER NOT NULL);
                    CREATE TABLE signal (
                        sequence INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, logged_ns INTEGER NOT NULL,
                        body BLOB NOT NULL);
                    """)
            // 63 bits: SQLite's integers are signed. Never 0, which stands for no log.
            try database.execute(
                sql: "INSERT INTO log (id, head) VALUES (?, 0)", arguments: [Int64.random(in: 1...Int64.max)])
        }
        file = try StateFile(path: path, durability: .full, migrate: migrator)
    }

    var path: String { file.path }

    /// Appends all signals in one transaction and syncs. If it throws, the log is unchanged.
    func append(_ signals: [ProtoSignal], at time: Int64) throws(StorageError) -> Receipt {
        try file.write { database in
            guard let row = try Row.fetchOne(database, sql: "SELECT id, head FROM log") else {
                throw StorageError(path: path, problem: "has lost its identity; move it away")
            }
            let id: Int64 = row["id"]
            var head: Int64 = row["head"]
            var receipt = Receipt(logged: [], duplicates: 0)
            let known = try database.cachedStatement(sql: "SELECT 1 FROM signal WHERE id = ?")
            let insert = try database.cachedStatement(
                sql: "INSERT INTO signal (sequence, id, logged_ns, body) VALUES (?, ?, ?, ?)")
            for var signal in signals {
                guard try Int.fetchOne(known, arguments: [signal.id]) == nil else {
                    receipt.duplicates += 1
                    continue
                }
                head += 1
                signal.logID = UInt64(bitPattern: id)
                signal.logSequence = UInt64(bitPattern: head)
                signal.loggedTimeNs = time
                let body: Data = try signal.serializedBytes()
                try insert.execute(arguments: [head, signal.id, time, body])
                receipt.logged.append(signal)
            }
            if !receipt.logged.isEmpty {
                try database.execute(sql: "UPDATE log SET head = ?", arguments: [head])
            }
            return receipt
        }
    }

    var extent: Extent {
        get throws(StorageError) {
            try file.read { database in
                let row = try Row.fetchOne(database, sql: "SELECT id, head FROM log")
                let first = try Int64.fetchOne(database, sql: "SELECT MIN(sequence) FROM signal")
                let head: Int64 = row?["head"] ?? 0
                return Extent(
                    id: UInt64(bitPattern: row?["id"] ?? 0), first: UInt64(bitPattern: first ?? head + 1),
                    last: UInt64(bitPattern: head))
            }
        }
    }

    /// The signals after `sequence`, oldest first, at most `limit` signals and about `replayBytes` bytes.
    func signals(after sequence: UInt64, limit: Int) throws(StorageError) -> [ProtoSignal] {
        try file.read { database in
            let rows = try Data.fetchCursor(
                database, sql: "SELECT body FROM signal WHERE sequence > ? ORDER BY sequence LIMIT ?",
                arguments: [Int64(clamping: sequence), min(max(limit, 1), Self.replayLimit)])
            var signals: [ProtoSignal] = []
            var bytes = 0
            while bytes < Self.replayBytes, let body = try rows.next() {
                signals.append(try ProtoSignal(serializedBytes: body))
                bytes += body.count
            }
            return signals
        }
    }

    /// Deletes signals older than `retention.days`, then the oldest twentieth at a time while more than
    /// `retention.bytes` are in use. Returns the number of deleted signals.
    func prune(_ retention: Retention, at time: Int64) throws(StorageError) -> Int {
        try file.write { database in
            let cutoff = Double(time) - retention.days * 86_400e9
            try database.execute(
                sql: "DELETE FROM signal WHERE sequence < "
                    + "(SELECT COALESCE(MIN(sequence), 9223372036854775807) FROM signal WHERE logged_ns >= ?)",
                arguments: [Int64(max(cutoff, 0))])
            var deleted = database.changesCount
            for _ in 0..<20 where try StateFile.bytesInUse(database) > retention.bytes {
                try database.execute(
                    sql: """
                        DELETE FROM signal WHERE sequence <=
                        (SELECT MIN(sequence) + (MAX(sequence) - MIN(sequence)) / 20 FROM signal)
                        """)
                deleted += database.changesCount
            }
            return deleted
        }
    }
}
