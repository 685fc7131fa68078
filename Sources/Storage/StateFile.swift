import Runtime
import Foundation
import GRDB
import Synchronization

/// A process's SQLite file could not be opened, read or written: the attempt, the cause and the remedy.
package struct StorageError: Error, CustomStringConvertible {
    package let path: String
    package let problem: String

    package init(path: String, problem: String) {
        self.path = path
        self.problem = problem
    }

    /// Wraps any error that GRDB throws.
    package init(path: String, _ error: any Error) {
        self.path = path
        guard let error = error as? DatabaseError else {
            problem = (error as? StorageError)?.problem ?? "\(error)"
            return
        }
        problem =
            switch error.resultCode {
            case .SQLITE_FULL: "the disk is full; free space, and writing goes on by itself"
            case .SQLITE_IOERR:
                "the disk cannot be read or written (\(error.extendedResultCode)); is it full or failing?"
            case .SQLITE_CORRUPT, .SQLITE_NOTADB:
                "is damaged or no SQLite database; move it away, or restore it from a copy"
            case .SQLITE_CANTOPEN, .SQLITE_READONLY, .SQLITE_PERM:
                "cannot be opened for writing; check the folder and its permissions"
            default: error.message ?? "\(error.resultCode)"
            }
    }

    package var description: String { "\(path): \(problem)" }
}

/// An SQLite file in WAL mode with one writer, who holds a lock on it for life.
///
/// A process killed at any moment leaves a file that opens again with every committed transaction.
package final class StateFile: Sendable {
    package enum Durability: Sendable {
        /// A returned commit is on the disk: it survives a power loss.
        case full
        /// Survives the end of the process; a power loss may undo the last commits, in order, never part of one.
        case normal
    }

    /// How long a reader or writer waits for another connection.
    static let busySeconds = 5.0

    package let path: String
    let pool: DatabasePool
    private let durability: Durability
    private let lock: FileLock?

    /// Opens or creates `path` with its folder.
    /// - Parameters:
    ///   - durability: of a commit that names no other. Creating the file and bringing its schema up to date is synced.
    ///   - isOwner: take the lock; a second owner is refused with a clear error. Tools that only look or nudge do not.
    ///   - migrate: brings the schema up to date.
    package init(
        path: String, durability: Durability, isOwner: Bool = true, readers: Int = 2, migrate: DatabaseMigrator
    ) throws(StorageError) {
        self.path = path
        self.durability = durability
        let folder = URL(filePath: path).deletingLastPathComponent()
        let newFolders = sequence(first: folder) { $0.deletingLastPathComponent() }
            .prefix { $0.path != "/" && !FileManager.default.fileExists(atPath: $0.path) }
        do {
            try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        } catch {
            throw StorageError(path: path, problem: "its folder cannot be made: \(FileProblem.reason(of: error))")
        }
        lock = isOwner ? try Self.lock(path) : nil
        var configuration = Configuration()
        configuration.busyMode = .timeout(Self.busySeconds)
        configuration.maximumReaderCount = readers
        configuration.prepareDatabase { database in
            // The WAL is checkpointed into the file every 4 MB: opening after a kill reads at most that much.
            try database.execute(sql: "PRAGMA wal_autocheckpoint = 1000")
        }
        do {
            pool = try DatabasePool(path: path, configuration: configuration)
            try pool.writeWithoutTransaction { try Self.set(.full, on: $0) }
            try migrate.migrate(pool)
        } catch {
            throw StorageError(path: path, error)
        }
        if isOwner, durability == .full { Self.lengthenLog(of: path) }
        for folder in [folder] + newFolders.map({ $0.deletingLastPathComponent() }) { FolderSync.sync(folder.path) }
    }

    /// Runs `body` on a reading connection, on the state after the last commit.
    package func read<T>(_ body: (Database) throws -> T) throws(StorageError) -> T {
        do { return try pool.read(body) } catch { throw StorageError(path: path, error) }
    }

    /// The same, without blocking the thread. Cancelling the task interrupts the SQL statement.
    package func read<T: Sendable>(_ body: @escaping @Sendable (Database) throws -> T) async throws -> T {
        try await pool.read(body)
    }

    /// Commits what `body` writes; nothing if it throws.
    /// - Parameter commit: how durable the commit is; `nil` takes the file's durability.
    package func write<T>(
        _ commit: Durability? = nil, _ body: (Database) throws -> T
    ) throws(StorageError) -> T {
        do {
            return try pool.writeWithoutTransaction { database in
                try Self.set(commit ?? durability, on: database)
                var result: T?
                try database.inTransaction(.immediate) {
                    result = try body(database)
                    return .commit
                }
                guard let result else { throw StorageError(path: path, problem: "gave no result") }
                return result
            }
        } catch {
            throw StorageError(path: path, error)
        }
    }

    /// Set before every commit, on the connection that commits: GRDB sets `NORMAL` when it opens a pool, after
    /// `prepareDatabase`.
    private static func set(_ durability: Durability, on database: Database) throws {
        try database.execute(sql: "PRAGMA synchronous = \(durability == .full ? "FULL" : "NORMAL")")
    }

    /// Length of the write-ahead log at a checkpoint, plus a margin.
    private static let logBytes = 5 << 20

    /// Extends the write-ahead log to its final length. SQLite still writes it from the start, and a commit that
    /// extends no file need not wait for the file system's journal. Bytes after the last whole frame are not read. If
    /// this fails, or the disk is nearly full, the log grows by itself: commits only take longer.
    private static func lengthenLog(of path: String) {
        let free = try? FileManager.default.attributesOfFileSystem(forPath: path)[.systemFreeSize] as? NSNumber
        guard let free, free.intValue > 20 * logBytes, let file = FileHandle(forUpdatingAtPath: path + "-wal") else {
            return
        }
        defer { try? file.close() }
        guard let length = try? file.seekToEnd(), length < UInt64(logBytes) else { return }
        try? file.write(contentsOf: Data(count: logBytes - Int(length)))
        try? file.synchronize()
    }

    private static func lock(_ path: String) throws(StorageError) -> FileLock {
        let lock: FileLock?
        do {
            lock = try FileLock.take(path + ".lock")
        } catch {
            throw StorageError(path: path, problem: "cannot be locked: \(error)")
        }
        guard let lock else {
            throw StorageError(path: path, problem: "is in use by another process; give each its own --state-dir")
        }
        return lock
    }

    /// Bytes in use; the file itself may be larger, as freed pages stay in it for later use.
    package static func bytesInUse(_ database: Database) throws -> Int {
        let pages = try Int.fetchOne(database, sql: "PRAGMA page_count") ?? 0
        let free = try Int.fetchOne(database, sql: "PRAGMA freelist_count") ?? 0
        let size = try Int.fetchOne(database, sql: "PRAGMA page_size") ?? 4096
        return (pages - free) * size
    }
}
