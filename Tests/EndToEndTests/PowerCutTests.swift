@testable import Bus
@testable import Engines
@testable import Runtime
import Foundation
import Logging
import Microstructure
import Synchronization
import TestSupport
import Testing
import Wire
import ZeroMQ

/// The power fails at random moments under load, and the disk forgets what was not synced: nothing that was published,
/// and no post that was answered, is missing afterwards.
///
/// `make test-powercut` runs it with 200 cuts; POWER_CUTS and MICROSTRUCTURE_SEED set others.
@Suite(.serialized) struct PowerCutTests {
    private static let cuts = ProcessInfo.processInfo.environment["POWER_CUTS"].flatMap(Int.init) ?? 12

    @Test(.timeLimit(.minutes(30))) func nothingPublishedIsLost() async throws {
        var random = SplitMix64(testSeed: testSeed)
        let receiver = try Receiver(answers: [200])
        defer { receiver.stop() }
        let bench = try Bench(webhook: receiver.url)
        defer { bench.remove() }
        let poster = Poster(bench.stage.gatewayAddress, perSecond: 10)
        for cut in 0..<Self.cuts {
            // At once, or when some more have been published.
            let target = bench.listener.count + Int.random(in: 1...60, using: &random)
            let hasFlow = await eventually(within: 60) { bench.listener.count >= target }
            try #require(hasFlow, "cut \(cut): nothing is published: \(bench.stage.logs)")
            try await bench.stage.killAll()
            try bench.disk.strike(&random)
            for name in Stage.names { try bench.stage.start(name) }
        }
        bench.source.stop()
        await poster.stop()
        let hasSettled = await eventually(within: 120) {
            let head = await Web.metric(MetricName.signalLogHead, port: bench.stage.metricsPort("detector"))
            let stored = await Web.metric(MetricName.signalsStored, port: bench.stage.metricsPort("api-gateway"))
            let accepted = Set(receiver.acceptedIDs)
            return head == stored && accepted.count >= Int(head ?? .infinity) && poster.ids.isSubset(of: accepted)
        }
        #expect(hasSettled, "\(bench.stage.logs)")
        let stored = try await bench.stage.storedIDs()
        await bench.stage.stop()
        let log = try bench.stage.loggedSignals()
        let logged = Set(log.map(\.id))
        let published = bench.listener.ids
        print(
            """
            power: \(Self.cuts) cuts, \(published.count) signals seen published, \(poster.ids.count) posts answered, \
            \(log.count) signals in the log; missing there: \(published.subtracting(logged).count) published, \
            \(poster.ids.subtracting(logged).count) posted; at the gateway \(logged.subtracting(stored).count), \
            at the receiver \(logged.subtracting(receiver.acceptedIDs).count)
            """)
        #expect(published.count > Self.cuts * 5 && poster.ids.count >= Self.cuts)
        #expect(published.subtracting(logged).isEmpty)
        #expect(poster.ids.subtracting(logged).isEmpty)
        #expect(log.map(\.logSequence) == (1...UInt64(max(1, log.count))).map { $0 })
        #expect(logged.subtracting(stored).isEmpty && logged.subtracting(receiver.acceptedIDs).isEmpty)
    }

    /// The proof can fail: on a disk that reports syncs and makes none, published signals are lost.
    @Test(.timeLimit(.minutes(5))) func aDiskThatLiesLosesSignals() async throws {
        var random = SplitMix64(testSeed: testSeed)
        let bench = try Bench(webhook: nil, only: ["detector"], lies: true)
        defer { bench.remove() }
        for _ in 0..<2 {
            let target = bench.listener.count + 20
            #expect(await eventually { bench.listener.count >= target }, "\(bench.stage.logs)")
            try await bench.stage.killAll()
            try bench.disk.strike(&random)
            try bench.stage.start("detector")
        }
        bench.source.stop()
        #expect(
            await eventually {
                await Web.metric(MetricName.signalLogHead, port: bench.stage.metricsPort("detector")) != nil
            })
        await bench.stage.stop()
        let logged = Set(try bench.stage.loggedSignals().map(\.id))
        #expect(!bench.listener.ids.subtracting(logged).isEmpty)
    }

    /// A post is synced by the gateway before its answer, and by the detector before it is published.
    @Test(.timeLimit(.minutes(5))) func everyPostIsSyncedTwice() async throws {
        let bench = try Bench(webhook: nil, only: ["detector", "api-gateway"], signalsPerSecond: nil)
        defer { bench.remove() }
        let poster = Poster(bench.stage.gatewayAddress, perSecond: 50)
        let port = bench.stage.metricsPort("detector")
        #expect(
            await eventually { await Web.metric(MetricName.signalLogHead, port: port) ?? 0 >= 20 },
            "\(bench.stage.logs)")
        await poster.stop()
        let posts = poster.ids.count
        #expect(await eventually { await Web.metric(MetricName.signalLogHead, port: port) == Double(posts) })
        let commits = await Web.metric(MetricName.signalLogSeconds + "_count", port: port) ?? 0
        let syncs = bench.disk.syncs
        print("power: \(posts) posts, \(commits) commits of the log, syncs: \(syncs)")
        #expect(posts >= 20 && commits >= 1)
        #expect(syncs["gateway.sqlite-wal"] ?? 0 >= posts)
        #expect(Double(syncs["signals.sqlite-wal"] ?? 0) >= commits)
        await bench.stage.stop()
    }
}

/// Programs on a disk that can lose power, with a load, and a subscriber that notes what is published.
private final class Bench {
    let disk: PowerCut
    let stage: Stage
    let source: VectorSource
    let listener: SignalListener
    private let state: URL

    init(
        webhook: String?, only names: [String] = Stage.names, lies: Bool = false, signalsPerSecond: Double? = 60
    ) throws {
        state = try TestFiles.temporaryFolder().resolvingSymlinksInPath()
        disk = try PowerCut(folder: state)
        stage = try Stage(
            webhook: webhook, only: names, state: state, everywhere: disk.environment(lies: lies))
        listener = try SignalListener(stage.signals)
        source = try VectorSource(
            stage.features, symbols: ["AUSDT", "BUSDT", "CUSDT"], signalsPerSecond: signalsPerSecond ?? 1,
            limit: signalsPerSecond == nil ? 0 : .max)
    }

    func remove() {
        source.stop()
        listener.stop()
        stage.remove()
        try? FileManager.default.removeItem(at: state)
    }
}

/// Notes the ids of all signals that are published.
private final class SignalListener: Sendable {
    private let seen = Mutex<Set<String>>([])
    private let stopSignal = StopSignal()

    var ids: Set<String> { seen.withLock { $0 } }
    var count: Int { seen.withLock { $0.count } }

    init(_ endpoint: String) throws {
        let logger = Logger(label: "listener") { _ in SwiftLogNoOpLogHandler() }
        let thread = Thread { [self] in
            do {
                var subscriber = try Subscriber(
                    EndpointDirectory([.plain(endpoint)], logger: logger), topics: [Topic.prefix(.signal)],
                    in: Context(), logger: logger)
                while !stopSignal.isRequested {
                    guard try subscriber.next(timeoutMilliseconds: 50) != nil else { continue }
                    guard case .other(.signal(let signal)) = subscriber.reader.content else { continue }
                    _ = seen.withLock { $0.insert(signal.id) }
                }
            } catch {
                print("signal listener: \(error)")
            }
        }
        thread.start()
    }

    func stop() { stopSignal.request() }
}
