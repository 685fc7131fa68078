import TestSupport
@testable import Bus
@testable import Engines
@testable import Runtime
import Foundation
import Logging
import Microstructure
import Testing
import Wire
import ZeroMQ

/// The pipeline as its users run it: real processes, real sockets.
@Suite(.serialized) struct EndToEndTests {
    /// Signal → gateway, Python consumer, console and metrics; then every process ends on SIGTERM.
    @Test(.timeLimit(.minutes(3))) func aSignalReachesEveryConsumer() async throws {
        let stack = try await Stack(
            market: ["--synthetic", "BTCUSDT,ETHUSDT", "--speed", "10"], symbols: ["BTCUSDT", "ETHUSDT"])
        let consumer = try Program(
            "consumer", [TestFiles.root.appending(path: "proto/examples/signals.py").path, "--connect", stack.signals],
            in: stack.folder, executable: URL(filePath: "/usr/bin/python3"))
        let address = "http://127.0.0.1:\(stack.gatewayPort)"

        // The same id at the consumer in another language and at the gateway.
        let hasBoth = await eventually(within: 60) {
            guard let list = await Web.get("\(address)/api/v1/signals?limit=1000"), list.status == 200 else {
                return false
            }
            return consumer.outputText.split(separator: "\n").contains { line in
                line.split(separator: " ").first.map { list.body.contains("\"\($0)\"") } ?? false
            }
        }
        #expect(
            hasBoth,
            "consumer: \(consumer.outputText)\(consumer.logText) detector: \(stack.detector.logText.suffix(2_000))")
        #expect(await eventually { stack.alerter.outputText.contains("SIGNAL ") })

        // Every process's metrics page satisfies Prometheus.
        for (name, port) in stack.metricsPorts.sorted(by: { $0.key < $1.key }) {
            let page = try #require(await Web.get("http://127.0.0.1:\(port)/metrics"), "\(name)")
            let (code, report) = try Program.run("promtool", ["check", "metrics"], input: page.body)
            #expect(code == 0, "\(name): \(report)")
            #expect(page.body.contains("microstructure_build_info"))
            #expect(await Web.get("http://127.0.0.1:\(port)/health")?.status == 200, "\(name)")
        }
        let lost = await Web.metric(MetricName.busLost, port: stack.metricsPorts["detector"] ?? 0)
        #expect(lost == 0)
        consumer.signal(SIGINT)
        await stack.stop()
    }

    /// `kill -9` on ingest and a restart: a new epoch, and no VALID book in between that is not from the new one.
    @Test(.timeLimit(.minutes(5))) func aKilledIngestComesBackUnderANewEpoch() async throws {
        let stack = try await Stack(market: ["--synthetic", "BTCUSDT"], symbols: ["BTCUSDT"], subscriptions: 2)
        let context = try Context()
        var subscriber = try Subscriber(
            EndpointDirectory([.plain(stack.ticks("BTCUSDT"))], logger: Logger(label: "test")),
            topics: [Topic.prefix(.tick)], in: context, logger: Logger(label: "test"))
        func nextBook() throws -> ProtoEnvelope? {
            let end = HostClock.monotonicNanoseconds + 20_000_000_000
            while HostClock.monotonicNanoseconds < end {
                guard try subscriber.next(timeoutMilliseconds: 200) != nil else { continue }
                let envelope = try subscriber.envelope()
                if case .book = envelope.payload { return envelope }
            }
            return nil
        }
        let before = try #require(try nextBook())
        stack.ingests["BTCUSDT"]?.signal(SIGKILL)
        #expect(await stack.ingests["BTCUSDT"]?.exitCode() == SIGKILL)
        let killed = HostClock.now.nanoseconds
        let restart = HostClock.now.nanoseconds
        try stack.startIngest("BTCUSDT")
        // Every tick from the kill to the first new book: nothing of the old process that is younger than its death,
        // and no VALID status of the new one before it has a book.
        var after = ProtoEnvelope()
        let end = HostClock.monotonicNanoseconds + 20_000_000_000
        while after.payload == nil, HostClock.monotonicNanoseconds < end {
            guard try subscriber.next(timeoutMilliseconds: 200) != nil else { continue }
            let envelope = try subscriber.envelope()
            if envelope.epoch == before.epoch { #expect(envelope.sentTimeNs <= killed) }
            switch envelope.payload {
            case .book where envelope.epoch > before.epoch: after = envelope
            case .status(let status) where envelope.epoch > before.epoch: #expect(status.validity != .valid)
            default: break
            }
        }
        #expect(after.payload != nil, "\(stack.ingests["BTCUSDT"]?.logText ?? "")")
        #expect(after.epoch > before.epoch)
        #expect(after.book.bookEpoch > before.book.bookEpoch)
        #expect(after.book.receiveTimeNs > restart)
        #expect(after.book.validity == .valid)
        #expect(subscriber.counts.restarts >= 1)
        await stack.stop()
    }

    /// How fast the recordings are played; MICROSTRUCTURE_REPLAY_SPEED sets another factor than 10.
    private static let replaySpeed =
        ProcessInfo.processInfo.environment["MICROSTRUCTURE_REPLAY_SPEED"].flatMap(Double.init) ?? 10

    /// SIGTERM in full flow: the last Status of ingest states how much it had applied, and exactly that has arrived at a
    /// subscriber and at `features`.
    @Test(.timeLimit(.minutes(5))) func nothingIsTruncatedAtTheEnd() async throws {
        let stack = try await Stack(
            market: ["--synthetic", "BTCUSDT", "--speed", "10"], symbols: ["BTCUSDT"], subscriptions: 3)
        let context = try Context()
        var subscriber = try Subscriber(
            EndpointDirectory([.plain(stack.ticks("BTCUSDT"))], logger: Logger(label: "test")),
            topics: [Topic.prefix(.tick)], in: context, logger: Logger(label: "test"))
        var received = TickCounts()
        var last = ProtoStatus()
        var isStopping = false
        let end = HostClock.monotonicNanoseconds + 60_000_000_000
        while HostClock.monotonicNanoseconds < end {
            guard try subscriber.next(timeoutMilliseconds: 1_000) != nil else {
                if isStopping { break } else { continue }
            }
            switch try subscriber.envelope().payload {
            case .book: received.books += 1
            case .trade: received.trades += 1
            case .quote: received.quotes += 1
            case .status(let status): last = status
            default: break
            }
            if received.books == 200, !isStopping {
                isStopping = true
                stack.ingests["BTCUSDT"]?.signal(SIGTERM)
            }
        }
        #expect(await stack.ingests["BTCUSDT"]?.exitCode() == 0)
        #expect(!last.feedUp)
        #expect(last.validity == .stale)
        #expect(received.books >= 200)
        #expect(UInt64(received.books) == last.bookUpdateCount)
        #expect(UInt64(received.trades) == last.tradeCount)
        #expect(UInt64(received.quotes) == last.quoteCount)
        #expect(subscriber.counts.lost == 0)
        let port = stack.metricsPorts["features"] ?? 0
        let arrived = await eventually {
            await Web.metric(MetricName.featureBookUpdates, port: port) == Double(received.books)
        }
        #expect(arrived)
        #expect(await Web.metric(MetricName.featureTrades, port: port) == Double(received.trades))
        await stack.stop()
    }

    /// Both recordings through separate ingest processes: what reaches the bus and `features` is what was
    /// recorded, the rebuilt book is the exchange's own, and the tape of the run gives the vectors of the run.
    @Test(.enabled(if: TestFiles.hasCaptures, "the recordings are not on this machine"), .timeLimit(.minutes(10)))
    func recordingsArriveWhole() async throws {
        let symbols = ["BTCUSDT", "ETHUSDT"]
        let stack = try await Stack(
            market: ["--capture"] + TestFiles.captures + ["--speed", "\(Self.replaySpeed)"], symbols: symbols,
            subscriptions: 4)
        let context = try Context()
        let vectors = try LiveVectors(
            features: stack.featureVectors, ticks: symbols.map { stack.ticks($0) }, in: context, folder: stack.folder)
        var subscriber = try Subscriber(
            EndpointDirectory(symbols.map { .plain(stack.ticks($0)) }, logger: Logger(label: "test")),
            topics: [Topic.prefix(.tick)], in: context, logger: Logger(label: "test"))
        let expected = try Dictionary(
            uniqueKeysWithValues: zip(symbols, TestFiles.captures).map { ($0, try RecordedCounts(path: $1)) })
        var received = expected.mapValues { _ in ReceivedTicks() }
        func isComplete() -> Bool {
            symbols.allSatisfy { received[$0]?.counts == expected[$0]?.counts }
        }
        // The recordings last 346 seconds.
        let end = HostClock.monotonicNanoseconds + Int64((100 + 400 / Self.replaySpeed) * 1e9)
        while !isComplete(), HostClock.monotonicNanoseconds < end {
            try vectors.drain()
            guard let delivery = try subscriber.next(timeoutMilliseconds: 200) else { continue }
            received[delivery.topic.symbol]?.take(try subscriber.envelope())
        }
        // Nothing comes after the last: no duplicates at the end either.
        while let delivery = try subscriber.next(timeoutMilliseconds: 500) {
            received[delivery.topic.symbol]?.take(try subscriber.envelope())
            guard case .event(.heartbeat) = subscriber.reader.content else { continue }
            if received[delivery.topic.symbol]?.statusesSinceTick ?? 0 > 1 { break }
        }
        for symbol in symbols {
            let ticks = try #require(received[symbol])
            #expect(ticks.counts == expected[symbol]?.counts, "\(symbol)")
            #expect(ticks.share >= 0.999)
            print(
                "\(symbol): \(ticks.counts), books equal to the bookTicker of the same u: \(ticks.equal) of \(ticks.compared)"
            )
            let port = stack.metricsPorts["features"] ?? 0
            let label = "symbol=\"\(symbol)\""
            let wanted = try #require(expected[symbol]?.counts)
            let arrived = await eventually {
                await Web.metric(MetricName.featureBookUpdates, port: port, label: label) == Double(wanted.books)
            }
            #expect(arrived)
            #expect(await Web.metric(MetricName.featureTrades, port: port, label: label) == Double(wanted.trades))
            #expect(await Web.metric(MetricName.featureVectors, port: port, label: label) ?? 0 >= Double(wanted.books))
        }
        #expect(subscriber.counts.lost == 0)
        // No tick comes after these: what the bus carried and what the tape holds is the same.
        for symbol in symbols {
            stack.ingests[symbol]?.signal(SIGTERM)
            #expect(await stack.ingests[symbol]?.exitCode() == 0)
        }
        try await vectors.expectTheSameOffline()
        await stack.stop()
        try await vectors.expectTheSameSignalsOffline(log: SignalLog(path: stack.folder.path + "/signals.sqlite"))
    }

    /// A bad setting is one clear line and exit code 78, from every layer.
    @Test(arguments: [
        ("ingest", ["--symbols", "BTC USDT"], "--symbols"), ("ingest", ["--depth", "many"], "--depth"),
        ("ingest", ["--rest-url", "ftp://x"], "--rest-url"), ("features", ["--connect", "udp://x:1"], "--connect"),
        ("detector", ["--drift-threshold=-1"], "drift"),
        ("alerter", ["--webhook-url", "nonsense"], "--webhook-url"),
        ("exchange-sim", ["--speed", "fast"], "--speed"), ("features", ["--metrics-port", "70000"], "--metrics-port"),
        ("features", ["--config", "/nonexistent.json"], "/nonexistent.json"),
    ]) func aBadSettingIsOneLine(name: String, arguments: [String], mention: String) async throws {
        let folder = try TestFiles.temporaryFolder()
        defer { try? FileManager.default.removeItem(at: folder) }
        let program = try Program(name, arguments + ["--check-config"], in: folder)
        #expect(await program.exitCode() == 78)
        #expect(program.logText.contains(mention), "\(program.logText)")
        #expect(program.logText.split(separator: "\n").count == 1, "\(program.logText)")
    }

    @Test(arguments: ["ingest", "features", "detector", "alerter", "api-gateway", "exchange-sim", "microlab"])
    func helpAndVersion(name: String) async throws {
        let folder = try TestFiles.temporaryFolder()
        defer { try? FileManager.default.removeItem(at: folder) }
        let help = try Program(name, ["--help"], in: folder)
        #expect(await help.exitCode() == 0)
        #expect(help.outputText.contains("USAGE"))
        let version = try Program(name, ["--version"], in: folder, tag: "-version")
        #expect(await version.exitCode() == 0)
        #expect(version.outputText.contains(Version.current))
    }
}

/// How many messages a recording has to give: every trade and quote, and every depth update after the snapshot.
struct RecordedCounts {
    var counts = TickCounts()

    init(path: String) throws {
        let file = try CaptureFile(path: path)
        var snapshotID: Int?
        var updates: [Int] = []
        while let line = try file.nextLine() {
            let text = String(decoding: line, as: UTF8.self)
            if text.contains("@trade\"") { counts.trades += 1 }
            if text.contains("@bookTicker\"") { counts.quotes += 1 }
            if let match = text.firstMatch(of: /"u":(\d+),"b":\[/), let id = Int(match.1) { updates.append(id) }
            if let match = text.firstMatch(of: /"lastUpdateId":(\d+)/) { snapshotID = Int(match.1) }
        }
        let first = try #require(snapshotID)
        counts.books = updates.count { $0 > first }
    }
}

struct TickCounts: Equatable {
    var books = 0
    var trades = 0
    var quotes = 0
}

/// What a subscriber saw, and whether each book agrees with the quote of the same update id.
struct ReceivedTicks {
    var counts = TickCounts()
    var compared = 0
    var equal = 0
    var statusesSinceTick = 0
    private var books: [Int64: [Int64]] = [:]
    private var quotes: [Int64: [Int64]] = [:]

    var share: Double { Double(equal) / Double(max(1, compared)) }

    mutating func take(_ envelope: ProtoEnvelope) {
        switch envelope.payload {
        case .book(let book):
            counts.books += 1
            let best = [book.bidPrices[0], book.bidQuantities[0], book.askPrices[0], book.askQuantities[0]]
            if let quote = quotes[book.updateID] { compare(best, quote) }
            books[book.updateID] = best
        case .quote(let quote):
            counts.quotes += 1
            let best = [quote.bidPrice, quote.bidQuantity, quote.askPrice, quote.askQuantity]
            if let book = books[quote.updateID] { compare(book, best) }
            quotes[quote.updateID] = best
        case .trade: counts.trades += 1
        case .status:
            statusesSinceTick += 1
            return
        default: break
        }
        statusesSinceTick = 0
    }

    private mutating func compare(_ left: [Int64], _ right: [Int64]) {
        compared += 1
        if left == right { equal += 1 }
    }
}
