import Runtime
import Storage
import Wire
import Foundation
import GRDB

/// The due signals of one message on one channel.
struct Parcel: Sendable {
    let channel: String
    /// The signals' sequences in the outbox, ascending. They become sent together or not at all.
    let sequences: [Int64]
    /// Earlier attempts to deliver them; the most of any.
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

/// What one message of a channel may hold.
struct ParcelLimits: Sendable {
    /// Most signals in one message.
    var signals = 1
    /// Most signals that the message lists individually.
    var details = 1
    /// Most due lanes that are sent one by one: more of them share a digest, since the channel's rate would delay the
    /// last ones.
    var lanes = Int.max
    /// How many of these groups, the severest first, one message has room for.
    var room: @Sendable ([AlertMessage.Group]) -> Int = { $0.count }
}

extension Outbox {
    /// Most groups that are offered to a message.
    private static let groupLimit = 200

    /// The channel's next message: the due signals of its severest lane, or, with too many lanes due, the severest due
    /// signals of all of them. A lane waits for its first signal, so its order holds even after failures.
    func next(on channel: String, at now: Int64, limits: ParcelLimits) throws(StorageError) -> NextParcel {
        try read { database in
            let heads = try Row.fetchAll(
                database,
                sql: """
                    WITH RECURSIVE lanes (lane) AS (
                        SELECT MIN(lane) FROM alert WHERE channel = ?1 AND state = 0
                        UNION ALL
                        SELECT (SELECT MIN(lane) FROM alert WHERE channel = ?1 AND state = 0 AND lane > lanes.lane)
                        FROM lanes WHERE lane IS NOT NULL)
                    SELECT lanes.lane AS lane, signal, ready_ns,
                        (SELECT MAX(rank) FROM alert c
                         WHERE c.channel = ?1 AND c.state = 0 AND c.lane = lanes.lane) AS rank
                    FROM lanes, alert a
                    WHERE lanes.lane IS NOT NULL AND a.channel = ?1 AND a.state = 0 AND a.lane = lanes.lane
                    AND a.signal = (SELECT MIN(signal) FROM alert b
                                    WHERE b.channel = ?1 AND b.state = 0 AND b.lane = lanes.lane)
                    """, arguments: [channel])
            let due = heads.filter { Self.number($0, "ready_ns") <= now }
            let first = due.min {
                (-Self.number($0, "rank"), Self.number($0, "signal"))
                    < (-Self.number($1, "rank"), Self.number($1, "signal"))
            }
            guard let first else { return .nothing(until: heads.map { Self.number($0, "ready_ns") }.min()) }
            let rows: [Row]
            if due.count > limits.lanes {
                rows = try Row.fetchAll(
                    database,
                    sql: """
                        SELECT signal, ready_ns, attempts FROM alert
                        WHERE channel = ? AND state = 0 AND ready_ns <= ? ORDER BY rank DESC, signal LIMIT ?
                        """, arguments: [channel, now, limits.signals])
            } else {
                let lane: String = first["lane"]
                rows = try Row.fetchAll(
                    database,
                    sql: """
                        SELECT signal, ready_ns, attempts FROM alert WHERE channel = ? AND state = 0 AND lane = ?
                        ORDER BY signal LIMIT ?
                        """, arguments: [channel, lane, limits.signals]
                ).prefix { Self.number($0, "ready_ns") <= now }.map { $0 }
            }
            return .parcel(try Self.parcel(of: rows, on: channel, limits: limits, in: database))
        }
    }

    private static func number(_ row: Row, _ column: String) -> Int64 { row[column] }

    private static func parcel(
        of rows: [Row], on channel: String, limits: ParcelLimits, in database: Database
    ) throws -> Parcel {
        var sequences = rows.map { number($0, "signal") }.sorted()
        var groups = try Self.groups(of: sequences, in: database)
        let room = limits.room(groups)
        if room < groups.count || groups.count == groupLimit {
            groups = Array(groups.prefix(room))
            // What has no line waits for the next message.
            let named = Set(groups.map { [$0.symbol, $0.type] })
            sequences = try Row.fetchAll(
                database,
                sql: """
                    SELECT sequence, symbol, type FROM signal
                    WHERE sequence IN (SELECT value FROM json_each(?)) ORDER BY sequence
                    """, arguments: [try list(sequences)]
            ).filter { row in
                let group: [String] = [row["symbol"], row["type"]]
                return named.contains(group)
            }.map { number($0, "sequence") }
        }
        let chosen = Set(sequences)
        let attempts = rows.filter { chosen.contains(number($0, "signal")) }.map { number($0, "attempts") }.max()
        let received = try Int64.fetchOne(
            database, sql: "SELECT received_ns FROM signal WHERE sequence = ?", arguments: [sequences[0]])
        // All signals of a small message; of a large one, the signals with the highest scores, in their order.
        let bodies = try Data.fetchAll(
            database,
            sql: """
                SELECT body FROM (
                    SELECT sequence, body FROM signal WHERE sequence IN (SELECT value FROM json_each(?))
                    ORDER BY score DESC, sequence LIMIT ?)
                ORDER BY sequence
                """, arguments: [try list(sequences), limits.details])
        return Parcel(
            channel: channel, sequences: sequences, attempts: Int(attempts ?? 0), receivedAt: received ?? 0,
            notification: AlertMessage(
                count: sequences.count,
                signals: try bodies.map { try JSONDecoder().decode(SignalDocument.self, from: $0) }, groups: groups,
                severity: groups.map(\.severity).max() ?? .info))
    }

    private static func list(_ sequences: [Int64]) throws -> String {
        String(decoding: try CompactJSON.bytes(sequences), as: UTF8.self)
    }

    /// The signals by symbol and type, the severest first. SQLite takes the other columns from the row of the maximum.
    private static func groups(of sequences: [Int64], in database: Database) throws -> [AlertMessage.Group] {
        try Row.fetchAll(
            database,
            sql: """
                SELECT symbol, type, COUNT(*) AS count, MAX(score) AS score, severity, body FROM signal
                WHERE sequence IN (SELECT value FROM json_each(?)) GROUP BY symbol, type
                ORDER BY CASE severity WHEN 'critical' THEN 2 WHEN 'warning' THEN 1 ELSE 0 END DESC, score DESC,
                    symbol, type
                LIMIT ?
                """, arguments: [try list(sequences), groupLimit]
        ).map { row in
            let body: Data = row["body"]
            return AlertMessage.Group(
                symbol: row["symbol"], type: row["type"], count: row["count"], highestScore: row["score"],
                severity: Severity(rawValue: row["severity"]) ?? .info,
                strongest: try JSONDecoder().decode(SignalDocument.self, from: body))
        }
    }

    /// Records that the channel accepted the parcel, as `message`: all of it in one transaction.
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

    /// Delays a parcel that was not accepted until `time`. Of its signals, those tried before and due since before
    /// `oldest` are given up. `isHeld`: the channel accepts nothing, so that all its due signals get the reason.
    /// Returns how many were given up.
    func postpone(
        _ parcel: Parcel, until time: Int64, reason: String, isHeld: Bool = false, givingUpBefore oldest: Int64 = .min,
        at now: Int64
    ) throws(StorageError) -> Int {
        try write { database in
            let old = try database.cachedStatement(
                sql: """
                    UPDATE alert SET state = 2, attempts = attempts + 1, reason = ?, updated_ns = ?
                    WHERE channel = ? AND signal = ? AND state = 0 AND attempts > 0 AND due_ns < ?
                    """)
            let other = try database.cachedStatement(
                sql: """
                    UPDATE alert SET attempts = attempts + 1, ready_ns = ?, reason = ?, updated_ns = ?
                    WHERE channel = ? AND signal = ? AND state = 0
                    """)
            var dead = 0
            for sequence in parcel.sequences {
                try old.execute(arguments: [reason, now, parcel.channel, sequence, oldest])
                dead += database.changesCount
                try other.execute(arguments: [time, reason, now, parcel.channel, sequence])
            }
            if isHeld {
                try database.execute(
                    sql: """
                        UPDATE alert SET reason = ?1, updated_ns = ?2
                        WHERE channel = ?3 AND state = 0 AND ready_ns <= ?2 AND reason <> ?1
                        """, arguments: [reason, now, parcel.channel])
            }
            return dead
        }
    }

    /// Makes dead alerts pending again; returns how many.
    func retry(channel: String?, at now: Int64) throws(StorageError) -> Int {
        try write(.full) { database in
            try database.execute(
                sql: """
                    UPDATE alert SET state = 0, attempts = 0, ready_ns = ?1, due_ns = ?1, updated_ns = ?1
                    WHERE state = 2 AND (?2 IS NULL OR channel = ?2)
                    """, arguments: [now, channel])
            return database.changesCount
        }
    }
}
