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

    private static func synchronous(_ database: Database) throws -> Int? {
        try database.execute(sql: "INSERT INTO item VALUES (1)")
        return try Int.fetchOne(database, sql: "PRAGMA synchronous")
    }

    /// Full is 2 and normal 1, whatever GRDB sets when it opens the pool, and whatever the commit before was.
    @Test(arguments: [(StateFile.Durability.full, 2), (.normal, 1)])
    func aCommitIsAsDurableAsTheFileOrAsAsked(durability: StateFile.Durability, expected: Int) throws {
        try withFile(durability) { file in
            #expect(try file.write { try Self.synchronous($0) } == expected)
            #expect(try file.write(.full) { try Self.synchronous($0) } == 2)
            #expect(try file.write { try Self.synchronous($0) } == expected)
            #expect(try file.write(.normal) { try Self.synchronous($0) } == 1)
            #expect(try file.write { try Self.synchronous($0) } == expected)
            #expect(try file.read { try Int.fetchOne($0, sql: "SELECT COUNT(*) FROM item") } == 5)
        }
    }

    /// The connection that commits is one; those that read never write, and so sync nothing.
    @Test func readersCannotWrite() throws {
        try withFile(.full) { file in
            #expect(throws: StorageError.self) {
                try file.read { try $0.execute(sql: "INSERT INTO item VALUES (1)") }
            }
        }
    }

    /// A file just made is at full durability until its first commit says otherwise: its schema is on the disk.
    @Test func theSchemaIsSynced() throws {
        try withFile(.normal) { file in
            #expect(try file.pool.writeWithoutTransaction { try Int.fetchOne($0, sql: "PRAGMA synchronous") } == 2)
        }
    }

    @Test func aCommitThatFailsChangesNothing() throws {
        struct Failure: Error {}
        try withFile(.full) { file in
            #expect(throws: StorageError.self) {
                try file.write { database in
                    _ = try Self.synchronous(database)
                    throw Failure()
                }
            }
            #expect(try file.read { try Int.fetchOne($0, sql: "SELECT COUNT(*) FROM item") } == 0)
        }
    }

    @Test func aFolderThatCannotBeMadeIsSaidInWords() throws {
        let error = #expect(throws: StorageError.self) {
            try StateFile(path: "/dev/null/a/state.sqlite", durability: .full, migrate: Self.migrator)
        }
        #expect(error?.description.contains("Not a directory") == true, "\(error?.description ?? "")")
    }
}
