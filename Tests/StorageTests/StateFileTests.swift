@testable import Storage
import Foundation
import GRDB
import TestSupport
import Testing

@Suite struct StateFileTests {
    private static var migrator: DatabaseMigrator {
        var migrator = DatabaseMigrator()
        migrator.registerMigration("1") { try $0.execute(sql: "CREATE TABLE item (number INTEGER)") }
        return migrator
    }

    private func withFile(_ durability: StateFile.Durability, _ body: (StateFile) throws -> Void) throws {
        let folder = try TestFiles.temporaryFolder()
        defer { try? FileManager.default.removeItem(at: folder) }
        // Two folders to make, and a file.
        let file = try StateFile(
            path: folder.path + "/a/b/state.sqlite", durability: durability, migrate: Self.migrator)
        try body(file)
    }

    /// Adds an item; what its commit is synced by.
    private static func add(to file: StateFile, _ commit: StateFile.Durability? = nil) throws -> Int? {
        try file.write(commit) { database in
            try database.execute(sql: "INSERT INTO item VALUES (1)")
            return try Int.fetchOne(database, sql: "PRAGMA synchronous")
        }
    }

    private static func count(_ file: StateFile) throws -> Int? {
        try file.read { try Int.fetchOne($0, sql: "SELECT COUNT(*) FROM item") }
    }

    /// Full is 2 and normal 1, whatever GRDB sets when it opens the pool, and whatever the commit before was.
    @Test(arguments: [(StateFile.Durability.full, 2), (.normal, 1)])
    func aCommitIsAsDurableAsTheFileOrAsAsked(durability: StateFile.Durability, expected: Int) throws {
        try withFile(durability) { (file: StateFile) throws -> Void in
            #expect(try Self.add(to: file) == expected)
            #expect(try Self.add(to: file, .full) == 2)
            #expect(try Self.add(to: file) == expected)
            #expect(try Self.add(to: file, .normal) == 1)
            #expect(try Self.add(to: file) == expected)
            #expect(try Self.count(file) == 5)
        }
    }

    /// The connection that commits is one; those that read never write, and so sync nothing.
    @Test func readersCannotWrite() throws {
        try withFile(.full) { (file: StateFile) throws -> Void in
            #expect(throws: StorageError.self) {
                try file.read { try $0.execute(sql: "INSERT INTO item VALUES (1)") }
            }
        }
    }

    /// A file just made is at full durability until its first commit says otherwise: its schema is on the disk.
    @Test func theSchemaIsSynced() throws {
        try withFile(.normal) { (file: StateFile) throws -> Void in
            let level = try file.pool.writeWithoutTransaction { try Int.fetchOne($0, sql: "PRAGMA synchronous") }
            #expect(level == 2)
        }
    }

    @Test func aCommitThatFailsChangesNothing() throws {
        struct Failure: Error {}
        try withFile(.full) { (file: StateFile) throws -> Void in
            #expect(throws: StorageError.self) {
                try file.write { database in
                    try database.execute(sql: "INSERT INTO item VALUES (1)")
                    throw Failure()
                }
            }
            #expect(try Self.count(file) == 0)
        }
    }

    @Test func aFolderThatCannotBeMadeIsSaidInWords() throws {
        let error = #expect(throws: StorageError.self) {
            try StateFile(path: "/dev/null/a/state.sqlite", durability: .full, migrate: Self.migrator)
        }
        #expect(error?.problem.hasPrefix("its folder cannot be made: ") == true, "\(error?.problem ?? "")")
        #expect(error?.problem.contains(/rror |operation could not/) == false, "\(error?.problem ?? "")")
    }
}
