import Foundation
import Logging
import NIOCore
import Pipeline
import Synchronization
import Testing
import ZeroMQ

@testable import Gateway

extension GatewayTests {
    @Suite struct StoreTests {
        private static func document(_ number: Int, score: Double = 0.5, symbol: String = "A", type: String = "x")
            -> SignalDocument
        {
            SignalDocument(
                id: "id-\(number)", timestamp: Double(number), signalType: type, score: score, symbol: symbol)
        }

        /// Against a plain array of everything ever inserted.
        @Test func theRingIsTheEndOfAnArray() throws {
            let seed = UInt64.random(in: .min ... .max)
            print("seed \(seed)")
            var random = Numbers(state: seed)
            for limit in [1, 2, 7, 50] {
                let repository = InMemorySignalRepository(limit: limit)
                var all: [SignalDocument] = []
                for step in 0..<200 {
                    let isRepeat = !all.isEmpty && random.next() % 5 == 0
                    let document =
                        isRepeat
                        ? all[max(0, all.count - 1 - Int(random.next() % UInt64(min(limit, all.count))))]
                        : Self.document(
                            step, score: Double(random.next() % 100) / 100, symbol: random.next() % 2 == 0 ? "A" : "B",
                            type: random.next() % 2 == 0 ? "x" : "y")
                    let stored = try repository.insert(document)
                    #expect((stored == nil) == isRepeat)
                    if let stored {
                        all.append(document)
                        #expect(stored.position == UInt64(all.count))
                    }
                    let held = Array(all.suffix(limit))
                    #expect(repository.count == held.count)
                    var query = SignalQuery()
                    if random.next() % 2 == 0 { query.symbol = "A" }
                    if random.next() % 2 == 0 { query.type = "y" }
                    if random.next() % 2 == 0 { query.since = Double(random.next() % 200) }
                    if random.next() % 2 == 0 { query.until = Double(random.next() % 200) }
                    if random.next() % 2 == 0 { query.minScore = Double(random.next() % 100) / 100 }
                    query.limit = 1 + Int(random.next() % 20)
                    let matching = held.reversed().filter(query.matches).prefix(query.limit)
                    #expect(repository.signals(matching: query).map(\.document) == Array(matching))

                    let seen = all[Int(random.next() % UInt64(all.count))]
                    let backlog = repository.backlog(after: seen.id)
                    #expect(backlog.end == UInt64(all.count))
                    #expect(backlog.isComplete == held.contains(seen))
                    let index = held.firstIndex(of: seen).map { $0 + 1 } ?? 0
                    #expect(backlog.signals.map(\.document) == Array(held[index...]))
                    #expect(repository.signal(id: seen.id)?.document == (held.contains(seen) ? seen : nil))
                }
            }
        }

        @Test func anEmptyRepositoryAnswers() {
            let repository = InMemorySignalRepository()
            #expect(repository.signals(matching: SignalQuery()).isEmpty)
            #expect(repository.backlog(after: "x").signals.isEmpty)
            #expect(repository.backlog(after: "x").end == 0)
        }

        /// Refuses every second signal.
        private final class Failing: SignalRepository {
            struct Full: Error {}
            let inner = InMemorySignalRepository()
            let calls = Mutex(0)

            func insert(_ document: SignalDocument) throws -> StoredSignal? {
                let call = calls.withLock { calls in
                    calls += 1
                    return calls
                }
                if call % 2 == 0 { throw Full() }
                return try inner.insert(document)
            }
            var count: Int { inner.count }
            func signal(id: String) -> StoredSignal? { inner.signal(id: id) }
            func signals(matching query: SignalQuery) -> [StoredSignal] { inner.signals(matching: query) }
            func backlog(after id: String) -> SignalBacklog { inner.backlog(after: id) }
        }

        @Test func aStoreThatFailsIsSaidAndSurvived() async throws {
            let health = Health()
            let intake = SignalIntake(repository: Failing(), hub: SignalHub(), logger: Logger(label: "test"))
            let stop = StopSignal()
            let context = try Context()
            async let thread: Void = onThread {
                try intake.run(alerts: [], in: context, epoch: 1, health: health, until: stop)
            }
            let posted = try PostedSignal(json: Data(PostTests.example.utf8))
            guard case .stored(let signal) = await intake.submit(posted) else {
                Issue.record("the first was not stored")
                return stop.request()
            }
            #expect(signal.document == posted.document)
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

/// SplitMix64. Source: Steele, Lea, Flood (2014), "Fast splittable pseudorandom number generators".
struct Numbers {
    var state: UInt64

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var z = state
        z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
        z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
        return z ^ (z >> 31)
    }
}
