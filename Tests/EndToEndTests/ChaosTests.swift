@testable import Runtime
import Foundation
import Microstructure
import Synchronization
import TestSupport
import Testing
import Transport
import Wire

/// Detector, alerter and gateway as real processes, killed with -9 at random moments under load: nothing is lost.
///
/// `make test-chaos` runs it with 100 kills; CHAOS_KILLS and MICROSTRUCTURE_SEED set others.
@Suite(.serialized) struct ChaosTests {
    private static let kills = ProcessInfo.processInfo.environment["CHAOS_KILLS"].flatMap(Int.init) ?? 8
    private static let signalsPerSecond = 45.0
    private static let postsPerSecond = 5.0

    @Test(.timeLimit(.minutes(20))) func nothingIsLostWhenProcessesAreKilled() async throws {
        var random = SplitMix64(testSeed: testSeed)
        print(
            "chaos: seed \(testSeed), \(Self.kills) kills (MICROSTRUCTURE_SEED repeats the choices, not the scheduling)"
        )
        let receiver = try Receiver(Self.moods(SplitMix64(testSeed: random.next())))
        defer { receiver.stop() }
        let stage = try Stage(webhook: receiver.url)
        defer { stage.remove() }
        let source = try VectorSource(
            stage.features, symbols: ["AUSDT", "BUSDT", "CUSDT", "DUSDT", "EUSDT"],
            signalsPerSecond: Self.signalsPerSecond)
        let poster = Poster(stage.gatewayAddress, perSecond: Self.postsPerSecond)
        #expect(await eventually(within: 30) { receiver.acceptedCount > 20 }, "\(stage.logs)")

        var counts: [String: Int] = [:]
        for _ in 0..<Self.kills {
            // A random moment: some alerts later.
            let target = receiver.acceptedCount + Int.random(in: 1...40, using: &random)
            let name = Stage.names[Int.random(in: 0..<Stage.names.count, using: &random)]
            let hasFlow = await eventually(within: 60) { receiver.acceptedCount >= target }
            try #require(hasFlow, "alerts stand still: \(stage.logs)")
            try await stage.kill(name)
            counts[name, default: 0] += 1
        }
        source.stop()
        await poster.stop()

        // All that the log holds comes to everybody.
        var head = 0
        let hasSettled = await eventually(within: 180) {
            guard let last = await Web.metric(MetricName.signalLogHead, port: stage.metricsPort("detector")) else {
                return false
            }
            head = Int(last)
            let stored = await Web.metric(MetricName.signalsStored, port: stage.metricsPort("api-gateway"))
            let accepted = Set(receiver.acceptedIDs)
            // A posted signal may still be on its way from the gateway to the log.
            return accepted.count >= head && Int(stored ?? 0) == head && poster.ids.isSubset(of: accepted)
        }
        #expect(hasSettled, "\(stage.logs)")
        let stored = try await stage.storedIDs()
        await stage.stop()

        let log = try stage.loggedSignals()
        let logged = Set(log.map(\.id))
        let accepted = receiver.acceptedIDs
        let lostAtStore = logged.subtracting(stored)
        let lostAtReceiver = logged.subtracting(accepted)
        let duplicates = accepted.count - Set(accepted).count
        print(
            """
            chaos: \(counts.sorted { $0.key < $1.key }.map { "\($0.key) killed \($0.value)×" }.joined(separator: ", "))
            chaos: \(log.count) signals logged (\(poster.ids.count) posted), \(stored.count) at the gateway, \
            \(lostAtStore.count) lost there
            chaos: \(receiver.count) requests, \(accepted.count) accepted, \(lostAtReceiver.count) alerts lost, \
            \(duplicates) duplicates
            """)
        #expect(log.count == logged.count)
        #expect(log.map(\.logSequence) == (1...UInt64(max(1, log.count))).map { $0 })
        #expect(log.count > Self.kills * 10)
        #expect(lostAtStore.isEmpty && lostAtReceiver.isEmpty)
        #expect(stored.subtracting(logged).isEmpty && Set(accepted).subtracting(logged).isEmpty)
        // Answered 202: in the log, once, however often it had to be sent.
        #expect(poster.ids.subtracting(logged).isEmpty)
        #expect(log.count { $0.venue == "api" } == poster.ids.count)
        #expect(duplicates <= counts["alerter"] ?? 0)
        // In the order of the log a symbol.
        let place = Dictionary(uniqueKeysWithValues: log.map { ($0.id, ($0.symbol, $0.logSequence)) })
        var last: [String: UInt64] = [:]
        var seen: Set<String> = []
        for id in accepted where seen.insert(id).inserted {
            guard let (symbol, sequence) = place[id] else { continue }
            #expect(sequence > last[symbol] ?? 0, "\(id) came out of order")
            last[symbol] = sequence
        }
    }

    /// Mostly well, sometimes 429, 500, a reset or silence.
    private static func moods(_ random: SplitMix64) -> @Sendable (Int, ServerRequest) -> Receiver.Reply {
        let random = Mutex(random)
        return { _, _ in
            switch random.withLock({ Int.random(in: 0..<1_000, using: &$0) }) {
            case 0..<8: .answer(429, headers: [("Retry-After", "0.2")])
            case 8..<13: .answer(429, body: #"{"retry_after": 0.15, "message": "slow down"}"#)
            case 13..<33: .answer(500)
            case 33..<48: .reset
            case 48..<54: .hang
            default: .answer(200)
            }
        }
    }
}
