import Foundation
import Logging
import Microstructure
import Synchronization
import Testing
import Transport
import Venues
import Wire
import ZeroMQ

@testable import Bus
@testable import Ingest
@testable import Runtime
import TestSupport

/// `ingest` with a venue that is not Binance, in this process: whatever it needs of a venue is behind the adapter.
@Suite struct ScriptedVenueTests {
    /// The test's side: the exchange, and the bus that ingest publishes on.
    private final class Bench {
        let loop: EventLoop
        let exchange: ScriptedExchange
        var subscriber: Subscriber
        var books: [ProtoBook] = []
        var trades: [ProtoTrade] = []
        var statuses: [ProtoStatus] = []
        var topics: Set<String> = []

        init(_ endpoint: String) throws {
            loop = try EventLoop(EventLoop.Options())
            exchange = try ScriptedExchange(loop)
            subscriber = try Subscriber(
                EndpointDirectory([.plain(endpoint)], logger: Logger(label: "test")), topics: [Topic.prefix(.tick)],
                in: try Context(), logger: Logger(label: "test"))
        }

        /// Serves the exchange and takes what is published until `condition` holds; `false` when it does not in 20 s.
        func run(until condition: (Bench) -> Bool) throws -> Bool {
            let end = HostClock.monotonicNanoseconds + 20_000_000_000
            while HostClock.monotonicNanoseconds < end {
                loop.runOnce(timeoutMilliseconds: 5)
                while let delivery = try subscriber.next(timeoutMilliseconds: 0) {
                    take(try subscriber.envelope(), on: delivery.topic)
                }
                if condition(self) { return true }
            }
            return false
        }

        private func take(_ envelope: ProtoEnvelope, on topic: Topic) {
            topics.insert(topic.description)
            switch envelope.payload {
            case .book(let book): books.append(book)
            case .trade(let trade): trades.append(trade)
            case .status(let status): statuses.append(status)
            default: break
            }
        }

        var lastEpoch: UInt64 { books.last?.bookEpoch ?? 0 }
    }

    private static func configuration(_ folder: URL) async throws -> IngestConfiguration {
        var settings = try await Settings(scope: "ingest", file: nil, environment: [:])
        return try IngestCommand.parse([
            "--publish", "ipc://\(folder.path)/ticks", "--lease-dir", folder.path,
            "--overlap", "5", "--reconnect-delay", "0.05", "--max-reconnect-delay", "0.1", "--wait-subscriptions", "1",
        ]).decode(&settings).venues[0]
    }

    /// An ingest on a thread of its own.
    private final class Ingest: Sendable {
        let stop = StopSignal()
        private let result = Mutex<String?>(nil)

        init(_ configuration: IngestConfiguration) {
            let registry = Observability.bootstrap(service: "test", level: .critical, format: .text, version: "test")
            let runtime = ServiceRuntime(
                name: "ingest", logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }, health: Health(),
                metrics: registry, epoch: 1_000)
            let thread = Thread { [self] in
                do {
                    let loop = try EventLoop(EventLoop.Options())
                    stop.onRequest { [wake = loop.wake] in wake.wake() }
                    let http = try HTTPClient()
                    defer { http.shutdown() }
                    try IngestStage<ScriptedSession>(ScriptedAdapter(), configuration, runtime, loop, http)
                        .serve(["BTCUSD"], until: stop)
                    result.withLock { $0 = "" }
                } catch {
                    result.withLock { $0 = "\(error)" }
                }
            }
            thread.start()
        }

        /// `nil` while it runs, empty when it has ended in order.
        var ending: String? { result.withLock { $0 } }
    }

    @Test func aSecondVenueNeedsNoChangeOfIngest() async throws {
        let folder = try TestFiles.temporaryFolder()
        defer { try? FileManager.default.removeItem(at: folder) }
        try run(try await Self.configuration(folder), folder)
    }

    /// On one thread, as an event loop demands.
    private func run(_ configuration: IngestConfiguration, _ folder: URL) throws {
        var configuration = configuration
        let bench = try Bench("ipc://\(folder.path)/ticks")
        configuration.webSocketURL = "ws://127.0.0.1:\(bench.exchange.port)"
        configuration.restURL = "http://127.0.0.1:\(bench.exchange.port)"
        let ingest = Ingest(configuration)

        // Connect and subscribe: the snapshot comes in the stream.
        #expect(try bench.run { !$0.books.isEmpty })
        let first = try #require(bench.books.first)
        #expect(first.bidPrices == [1_000, 995] && first.askPrices == [1_005, 1_010] && first.tickSize == 5)
        #expect(first.bidQuantities == [3, 4] && first.validity == .valid && first.updateID == 100)
        #expect(bench.exchange.messages.first == "SUB btc-usd" && bench.exchange.upgradeHeaders == ["lines"])
        #expect(bench.exchange.requests.first?.path == "/rules" && bench.exchange.requests.first?.client == "rules")

        // Books and trades.
        bench.exchange.change(bid: 1_000, to: 9)
        bench.exchange.trade(price: 1_005, size: 2)
        #expect(try bench.run { $0.books.last?.updateID == 101 && $0.trades.count == 1 })
        #expect(bench.books.last?.bidQuantities == [9, 4])
        #expect(bench.trades[0].id == 1 && bench.trades[0].aggressor == .buy && bench.trades[0].price == 1_005)
        #expect(bench.topics.isSuperset(of: ["tick.scripted.BTCUSD.book|", "tick.scripted.BTCUSD.trade|"]))

        // A hole: the book is RESYNCING until the new snapshot is there.
        let epoch = bench.lastEpoch
        bench.exchange.skipChange(bid: 990, to: 7)
        bench.exchange.change(bid: 985, to: 8)
        #expect(try bench.run { $0.lastEpoch == epoch + 1 })
        #expect(bench.books.last?.bidPrices == [1_000, 995, 990, 985] && bench.books.last?.validity == .valid)
        #expect(bench.statuses.contains { $0.validity == .resyncing && $0.gapCount == 1 && $0.resyncCount == 1 })
        let subscriptions = bench.exchange.messages.filter { $0 != "ALIVE" }
        #expect(subscriptions == ["SUB btc-usd", "UNSUB btc-usd", "SUB btc-usd"])

        // The keep-alive, the venue's clock and what it states of the request weight.
        #expect(try bench.run { $0.exchange.messages.contains("ALIVE") })
        #expect(try bench.run { ($0.statuses.last?.hasClockOffsetNs ?? false) && $0.statuses.last?.validity == .valid })
        #expect(bench.statuses.last?.requestWeightUsed == 8)

        // A lost connection: STALE, and VALID again on the next one.
        bench.exchange.cutConnections()
        #expect(try bench.run { $0.lastEpoch == epoch + 2 && $0.statuses.last?.reconnectCount == 1 })
        #expect(bench.statuses.contains { $0.validity == .stale && !$0.feedUp })

        // The venue announces the end of a connection: it is replaced without a break.
        bench.exchange.announceEnd()
        #expect(try bench.run { $0.statuses.last?.rotationCount == 1 })
        bench.exchange.change(bid: 995, to: 0)
        #expect(try bench.run { $0.books.last?.bidPrices == [1_000, 990, 985] })
        #expect(bench.lastEpoch == epoch + 2 && bench.statuses.last?.validity == .valid)

        ingest.stop.request()
        #expect(try bench.run { _ in ingest.ending != nil })
        #expect(ingest.ending == "" && bench.subscriber.counts.lost == 0 && bench.subscriber.counts.duplicates == 0)
        bench.exchange.stop()
    }
}
