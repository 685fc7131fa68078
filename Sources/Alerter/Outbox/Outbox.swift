import Runtime
import Storage
import Wire
import Foundation
import GRDB

/// The due signals of one message on one channel.
struct Parcel: Sendable {
    let channel: String
    /// The signals' sequences in the outbox, ascending.
    let sequences: [Int64]
    /// Earlier attempts to deliver the first signal.
    let attempts: Int
    /// When the first signal was received, nanoseconds since 1970.
    let receivedAt: Int64
    let notification: AlertMessage
}

/// A channel's next task.
enum NextParcel: Sendable {
    case parcel(Parcel)
    /// Nothing is due before this time (nanoseconds since 1970); `nil` means nothing is pending.
    case nothing(until: Int64?)
}

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
                    INSERT INTO alert (channel, signal, state, lane, route, reason, attempts, ready_ns, updated_ns)
                    VALUES (?, ?, ?, ?, ?, ?, 0, ?, ?)
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
                    case .deliver(let lane, let readyAt):
                        try alert.execute(arguments: [
                            decision.channel, sequence, State.pending.rawValue, lane, decision.route, "", readyAt, now,
                        ])
                    case .suppress(let reason):
                        try alert.execute(arguments: [
                            decision.channel, sequence, State.suppressed.rawValue, "", decision.route, reason.rawValue,
                            now, now,
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

    // MARK: Sending

    /// The channel's oldest due signal, together with the other due signals of its lane. A lane waits for its first
    /// signal, so its order holds even after failures.
    /// - Parameters:
    ///   - count: most signals in one message.
    ///   - details: most signals that the message lists individually.
    func next(on channel: String, at now: Int64, count: Int, details: Int) throws(StorageError) -> NextParcel {
        try read { database in
            let heads = try Row.fetchAll(
                database,
                sql: """
                    WITH RECURSIVE lanes (lane) AS (
                        SELECT MIN(lane) FROM alert WHERE channel = ?1 AND state = 0
                        UNION ALL
                        SELECT (SELECT MIN(lane) FROM alert WHERE channel = ?1 AND state = 0 AND lane > lanes.lane)
                        FROM lanes WHERE lane IS NOT NULL)
                    SELECT lanes.lane AS lane, signal, ready_ns FROM lanes, alert a
                    WHERE lanes.lane IS NOT NULL AND a.channel = ?1 AND a.state = 0 AND a.lane = lanes.lane
                    AND a.signal = (SELECT MIN(signal) FROM alert b
                                    WHERE b.channel = ?1 AND b.state = 0 AND b.lane = lanes.lane)
                    """, arguments: [channel])
            func number(_ row: Row, _ column: String) -> Int64 { row[column] }
            let due = heads.filter { number($0, "ready_ns") <= now }
            guard let head = due.min(by: { number($0, "signal") < number($1, "signal") }) else {
                return .nothing(until: heads.map { number($0, "ready_ns") }.min())
            }
            let lane: String = head["lane"]
            let rows = try Row.fetchAll(
                database,
                sql: """
                    SELECT signal, ready_ns, attempts FROM alert WHERE channel = ? AND state = 0 AND lane = ?
                    ORDER BY signal LIMIT ?
                    """, arguments: [channel, lane, count])
            let ready = rows.prefix { number($0, "ready_ns") <= now }
            let sequences = ready.map { number($0, "signal") }
            let first = try Int64.fetchOne(
                database, sql: "SELECT received_ns FROM signal WHERE sequence = ?", arguments: [sequences[0]])
            return .parcel(
                Parcel(
                    channel: channel, sequences: sequences, attempts: ready[0]["attempts"], receivedAt: first ?? now,
                    notification: try Self.notification(of: sequences, details: details, in: database)))
        }
    }

    private static func notification(
        of sequences: [Int64], details: Int, in database: Database
    ) throws -> AlertMessage {
        let list = String(decoding: try CompactJSON.bytes(sequences), as: UTF8.self)
        // All signals of a small group; of a large group, the signals with the highest scores, in their order.
        let bodies = try Data.fetchAll(
            database,
            sql: """
                SELECT body FROM (
                    SELECT sequence, body FROM signal WHERE sequence IN (SELECT value FROM json_each(?))
                    ORDER BY score DESC, sequence LIMIT ?)
                ORDER BY sequence
                """, arguments: [list, details])
        let groups = try Row.fetchAll(
            database,
            sql: """
                SELECT symbol, type, COUNT(*) AS count, MAX(score) AS score FROM signal
                WHERE sequence IN (SELECT value FROM json_each(?))
                GROUP BY symbol, type ORDER BY count DESC, symbol, type
                """, arguments: [list])
        let severities = try String.fetchAll(
            database,
            sql: "SELECT DISTINCT severity FROM signal WHERE sequence IN (SELECT value FROM json_each(?))",
            arguments: [list])
        return AlertMessage(
            count: sequences.count,
            signals: try bodies.map { try JSONDecoder().decode(SignalDocument.self, from: $0) },
            groups: groups.map {
                .init(symbol: $0["symbol"], type: $0["type"], count: $0["count"], highestScore: $0["score"])
            },
            severity: severities.compactMap(Severity.init).max() ?? .info)
    }

    /// Records that the channel accepted the parcel, as `message`.
    func markSent(_ parcel: Parcel, message: String, at now: Int64) throws(StorageError) {
        try settle(parcel, .sent, reason: "", message: message, at: now)
    }

    /// Gives the parcel up.
    func markDead(_ parcel: Parcel, reason: String, at now: Int64) throws(StorageError) {
        try settle(parcel, .dead, reason: reason, message: nil, at: now)
    }

    private func settle(
        _ parcel: Parcel, _ state: State, reason: String, message: String?, at now: Int64
    ) throws(StorageError) {
        try write { database in
            let statement = try database.cachedStatement(
                sql: """
                    UPDATE alert SET state = ?, reason = ?, message = ?, attempts = attempts + 1, updated_ns = ?
                    WHERE channel = ? AND signal = ? AND state = 0
                    """)
            for sequence in parcel.sequences {
                try statement.execute(arguments: [state.rawValue, reason, message, now, parcel.channel, sequence])
            }
        }
    }

    /// Delays a parcel that was not accepted: its first signal, and so the lane, waits until `time`.
    func postpone(_ parcel: Parcel, until time: Int64, reason: String, at now: Int64) throws(StorageError) {
        try write { database in
            try database.execute(
                sql: """
                    UPDATE alert SET attempts = attempts + 1, ready_ns = ?, reason = ?, updated_ns = ?
                    WHERE channel = ? AND signal = ? AND state = 0
                    """, arguments: [time, reason, now, parcel.channel, parcel.sequences[0]])
        }
    }

    /// Makes dead alerts pending again; returns how many.
    func retry(channel: String?, at now: Int64) throws(StorageError) -> Int {
        try write(.full) { database in
            try database.execute(
                sql: """
                    UPDATE alert SET state = 0, attempts = 0, ready_ns = ?1, updated_ns = ?1
                    WHERE state = 2 AND (?2 IS NULL OR channel = ?2)
                    """, arguments: [now, channel])
            return database.changesCount
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
