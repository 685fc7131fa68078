@testable import Runtime
@testable import Storage
import Foundation
import Logging
import Microstructure
import NIOCore
import Synchronization
import TestSupport
import Testing
import Wire

@testable import Gateway

extension GatewayTests {
    @Suite struct StoreTests {
        private static func document(
            _ number: Int, score: Double = 0.5, symbol: String = "A", venue: String? = nil, type: String = "x"
        ) -> SignalDocument {
            var document = SignalDocument(
                id: "id-\(number)", timestamp: Double(number), signalType: type, score: score, symbol: symbol)
            document.venue = venue
            return document
        }

        private static func withRepository(
            _ retention: SQLiteSignalRepository.Retention = .init(),
            _ body: (SQLiteSignalRepository, _ path: String) async throws -> Void
        ) async throws {
            let folder = FileManager.default.temporaryDirectory.appending(path: "store-\(UUID().uuidString.prefix(8))")
            defer { try? FileManager.default.removeItem(at: folder) }
            let path = folder.path + "/gateway.sqlite"
            try await body(SQLiteSignalRepository(path: path, retention: retention), path)
        }

        /// Against a plain array of everything ever inserted: filters, pages and backlogs.
        @Test func theStoreIsAnArray() async throws {
            var random = SplitMix64(testSeed: testSeed)
            try await Self.withRepository { repository, _ in
                var all: [SignalDocument] = []
                for step in 0..<150 {
                    let isRepeat = !all.isEmpty && random.next() % 5 == 0
                    let document =
                        isRepeat
                        ? all[Int(random.next() % UInt64(all.count))]
                        : Self.document(
                            step, score: Double(random.next() % 100) / 100, symbol: random.next() % 2 == 0 ? "A" : "B",
                            venue: ["okx", "kraken", nil][Int(random.next() % 3)],
                            type: random.next() % 2 == 0 ? "x" : "y")
                    let insertion = try repository.insert([NewSignal(document: document)], positions: [:])
                    switch try #require(insertion.first) {
                    case .stored(let stored):
                        #expect(!isRepeat)
                        all.append(document)
                        #expect(stored.position == UInt64(all.count))
                    case .known(let stored): #expect(isRepeat && stored.id == document.id)
                    case .conflict: Issue.record("a conflict without a key")
                    }
                    #expect(repository.count == all.count)
                    var query = SignalQuery()
                    if random.next() % 2 == 0 { query.market.symbol = "A" }
                    if random.next() % 2 == 0 { query.market.venue = ["okx", "api"][Int(random.next() % 2)] }
                    if random.next() % 2 == 0 { query.type = "y" }
                    if random.next() % 2 == 0 { query.since = Double(random.next() % 150) }
                    if random.next() % 2 == 0 { query.until = Double(random.next() % 150) }
                    if random.next() % 2 == 0 { query.minScore = Double(random.next() % 100) / 100 }
                    query.limit = 1 + Int(random.next() % 20)
                    // Page after page, everything that matches, each once.
                    var found: [SignalDocument] = []
                    while true {
                        let page = try await repository.signals(matching: query)
                        found += try page.signals.map { try $0.document }
                        guard page.hasMore else { break }
                        query.before = page.signals.last?.position
                    }
                    #expect(found == all.reversed().filter(query.matches))

                    let seen = all[Int(random.next() % UInt64(all.count))]
                    let backlog = try await repository.backlog(after: seen.id, of: query.market)
                    #expect(backlog.end == UInt64(all.count) && backlog.isComplete)
                    let index = try #require(all.firstIndex(of: seen)) + 1
                    let wanted = SignalQuery(market: query.market)
                    #expect(try backlog.signals.map { try $0.document } == all[index...].filter(wanted.matches))
                    #expect(try await repository.signal(id: seen.id)?.document == seen)
                }
            }
        }

        @Test func anEmptyRepositoryAnswers() async throws {
            try await Self.withRepository { repository, _ in
                #expect(try await repository.signals(matching: SignalQuery()).signals.isEmpty)
                let backlog = try await repository.backlog(after: "x", of: MarketFilter())
                #expect(backlog.signals.isEmpty && backlog.end == 0 && !backlog.isComplete)
            }
        }

        /// The oldest go, but not what no log has taken yet; and all of it is there again when the file is opened anew.
        @Test func retentionAndReopening() async throws {
            try await Self.withRepository(.init(days: 30, signals: 10)) { repository, path in
                let post = NewSignal.Post(message: ProtoSignal(), key: nil)
                _ = try repository.insert([NewSignal(document: Self.document(0), post: post)], positions: [7: 1])
                _ = try repository.insert((1..<30).map { NewSignal(document: Self.document($0)) }, positions: [7: 30])
                #expect(try repository.prune() == 19)
                #expect(repository.count == 11)
                #expect(try await repository.signal(id: "id-0") != nil)
                #expect(try await repository.signal(id: "id-1") == nil)
                #expect(try await repository.signal(id: "id-29") != nil)
                // A second gateway on the same file is refused, and says so.
                #expect(throws: StorageError.self) { try SQLiteSignalRepository(path: path) }
                #expect(try repository.unlogged(limit: 10).count == 1)
                try repository.markLogged(repository.unlogged(limit: 10).map(\.position))
                #expect(try repository.unlogged(limit: 10).isEmpty)
                #expect(try repository.positions == [7: 30])
            }
        }

        /// A file of before the venue was a column keeps its signals, and they can be asked for by venue.
        @Test func anOlderFileLearnsTheVenues() async throws {
            let folder = FileManager.default.temporaryDirectory.appending(path: "store-\(UUID().uuidString.prefix(8))")
            defer { try? FileManager.default.removeItem(at: folder) }
            let path = folder.path + "/gateway.sqlite"
            let documents = (0..<30).map { Self.document($0, venue: ["okx", "kraken", nil][$0 % 3]) }
            func fill() throws {
                let repository = try SQLiteSignalRepository(path: path)
                _ = try repository.insert(documents.map { NewSignal(document: $0) }, positions: [7: 30])
            }
            try fill()
            let older = """
                import sqlite3, sys
                sqlite3.connect(sys.argv[1]).executescript(\"""
                    DROP INDEX signal_market; DROP INDEX signal_facts; ALTER TABLE signal DROP COLUMN venue;
                    CREATE INDEX signal_facts ON signal (position, timestamp, score, symbol, type);
                    DELETE FROM grdb_migrations WHERE identifier = '3';\""")
                """
            let (code, text) = try Program.run("/usr/bin/python3", ["-c", older, path])
            #expect(code == 0, "\(text)")
            let repository = try SQLiteSignalRepository(path: path)
            #expect(repository.count == 30)
            #expect(try repository.positions == [7: 30])
            for (venue, rest) in [("okx", 0), ("kraken", 1), ("api", 2)] {
                var query = SignalQuery()
                query.market.venue = venue
                let found = try await repository.signals(matching: query).signals.map { try $0.document }
                #expect(found == documents.reversed().filter { Int($0.timestamp) % 3 == rest })
            }
        }

        /// Where no log will ever take them, posted signals are subject to retention at once.
        @Test func withoutLogsNothingWaitsForOne() async throws {
            let folder = FileManager.default.temporaryDirectory.appending(path: "store-\(UUID().uuidString.prefix(8))")
            defer { try? FileManager.default.removeItem(at: folder) }
            let repository = try SQLiteSignalRepository(
                path: folder.path + "/gateway.sqlite", retention: .init(signals: 10), hasLogs: false)
            let posts = (0..<30).map {
                NewSignal(document: Self.document($0), post: .init(message: ProtoSignal(), key: nil))
            }
            _ = try repository.insert(posts, positions: [:])
            #expect(try repository.unlogged(limit: 10).isEmpty)
            #expect(try repository.prune() == 20)
            #expect(repository.count == 10)
        }

        /// A key means one signal: asked again, the same one; with another body, a conflict.
        @Test func anIdempotencyKeyCountsOnce() async throws {
            try await Self.withRepository { repository, _ in
                func insert(_ number: Int, _ key: String, _ fingerprint: String) throws -> Insertion {
                    let post = NewSignal.Post(
                        message: ProtoSignal(), key: IdempotencyKey(key: key, fingerprint: fingerprint))
                    return try #require(
                        try repository.insert([NewSignal(document: Self.document(number), post: post)], positions: [:])
                            .first)
                }
                guard case .stored(let first) = try insert(1, "k", "f") else {
                    Issue.record("not stored")
                    return
                }
                guard case .known(let again) = try insert(2, "k", "f") else {
                    Issue.record("not known")
                    return
                }
                #expect(again.id == first.id)
                guard case .conflict = try insert(3, "k", "g") else {
                    Issue.record("no conflict")
                    return
                }
                guard case .stored = try insert(4, "other", "g") else {
                    Issue.record("not stored")
                    return
                }
                #expect(repository.count == 2)
            }
        }

        /// Refuses every second commit.
        private final class Failing: SignalRepository {
            struct Full: Error {}
            let calls = Mutex(0)

            func insert(_ signals: [NewSignal], positions: [UInt64: UInt64]) throws -> [Insertion] {
                let call = calls.withLock { calls in
                    calls += 1
                    return calls
                }
                if call % 2 == 0 { throw Full() }
                return try signals.map {
                    .stored(
                        StoredSignal(
                            position: UInt64(call), id: $0.document.id,
                            json: ByteBuffer(bytes: try CompactJSON.bytes($0.document)))
                    )
                }
            }
            var positions: [UInt64: UInt64] { [:] }
            func unlogged(limit: Int) -> [(position: UInt64, signal: ProtoSignal)] { [] }
            func markLogged(_ positions: [UInt64]) {}
            func prune() -> Int { 0 }
            var count: Int { 0 }
            func latest(limit: Int) -> [StoredSignal] { [] }
            func signal(id: String) -> StoredSignal? { nil }
            func signals(matching query: SignalQuery) -> SignalPage { SignalPage(signals: [], hasMore: false) }
            func backlog(after id: String, of market: MarketFilter) -> SignalBacklog {
                SignalBacklog(signals: [], isComplete: false, end: 0)
            }
        }

        @Test func aStoreThatFailsIsSaidAndSurvived() async throws {
            let health = Health()
            let intake = SignalIntake(repository: Failing(), hub: SignalHub(), logger: Logger(label: "test"))
            let stop = StopSignal()
            async let thread: Void = onThread { try intake.run(health: health, until: stop) }
            let posted = try PostedSignal(json: Data(PostTests.example.utf8))
            guard case .stored(let signal) = await intake.submit(posted) else {
                Issue.record("the first was not stored")
                return stop.request()
            }
            #expect(try signal.document == posted.document)
            guard case .failed = await intake.submit(try PostedSignal(json: Data(PostTests.example.utf8))) else {
                Issue.record("the second was stored")
                return stop.request()
            }
            #expect(eventually { health.parts.first { $0.name == "store" }?.isReady == false })
            guard case .stored = await intake.submit(try PostedSignal(json: Data(PostTests.example.utf8))) else {
                Issue.record("the third was not stored")
                return stop.request()
            }
            #expect(eventually { health.parts.first { $0.name == "store" }?.isReady == true })
            stop.request()
            try await thread
            guard case .busy = await intake.submit(posted) else {
                Issue.record("a closed intake took a signal")
                return
            }
        }

        @Test func aFullMailboxRefusesAndAWaitingPutGoesOn() async throws {
            let mailbox = Mailbox<Int>(limit: 2)
            #expect(mailbox.take(waitingUpTo: 0).isEmpty)
            #expect(mailbox.offer(1))
            #expect(mailbox.offer(2))
            #expect(!mailbox.offer(3))
            async let putting: Void = onThread { #expect(mailbox.put(4)) }
            #expect(mailbox.take(waitingUpTo: 10) == [1, 2])
            #expect(mailbox.take(waitingUpTo: 10) == [4])
            try await putting
            #expect(mailbox.offer(5))
            #expect(mailbox.close() == [5])
            #expect(!mailbox.offer(6))
            #expect(!mailbox.put(6))
        }
    }
}

extension SignalQuery {
    fileprivate func matches(_ signal: SignalDocument) -> Bool {
        if let symbol = market.symbol, signal.symbol != symbol { return false }
        if let venue = market.venue, signal.venue ?? "api" != venue { return false }
        if let type, signal.signalType != type { return false }
        if let since, signal.timestamp < since { return false }
        if let until, signal.timestamp > until { return false }
        if let minScore, signal.score < minScore { return false }
        return true
    }
}
