import TestSupport
@testable import Bus
@testable import Runtime
import Foundation
import Logging
import Testing
import Wire
import ZeroMQ

/// Symbols shared by several processes, which only know how many they are.
@Suite(.serialized) struct ShardTests {
    private static let symbols = ["BNBUSDT", "BTCUSDT", "DOGEUSDT", "ETHUSDT", "SOLUSDT", "XRPUSDT"]

    /// Two features and two detectors, all connected to everything: every symbol's vectors come from exactly one of the
    /// former and are judged by exactly one of the latter.
    @Test(.timeLimit(.minutes(3))) func everySymbolIsServedExactlyOnce() async throws {
        let folder = try TestFiles.temporaryFolder()
        defer { try? FileManager.default.removeItem(at: folder) }
        let bus = "ipc://\(folder.path)"
        let port = freePort()
        let simulator = try Program(
            "exchange-sim",
            ["--port", "\(port)", "--synthetic", Self.symbols.joined(separator: ","), "--metrics-port", "0"], in: folder
        )
        #expect(
            await eventually { await Web.get("http://127.0.0.1:\(port)/api/v3/ping") != nil }, "\(simulator.logText)")
        // Slots as a number, and as a pod's name; from the command line, and from the environment.
        let features = [
            try Program(
                "features",
                [
                    "--connect", "\(bus)/ticks", "--publish", "\(bus)/features-0", "--metrics-port", "0",
                    "--shard-slot",
                    "1", "--shard-count", "2",
                ], in: folder, tag: "-0"),
            try Program(
                "features", ["--connect", "\(bus)/ticks", "--publish", "\(bus)/features-1", "--metrics-port", "0"],
                in: folder, tag: "-1",
                environment: ["FEATURES_SHARD_SLOT": "features-1", "FEATURES_SHARD_COUNT": "2"]),
        ]
        let metricsPorts = [freePort(), freePort()]
        let detectors = try (0..<2).map { slot in
            try Program(
                "detector",
                [
                    "--connect", "\(bus)/features-0,\(bus)/features-1", "--publish", "\(bus)/signals-\(slot)",
                    "--alerts",
                    "none", "--replay", "none", "--state-dir", folder.appending(path: "state-\(slot)").path,
                    "--metrics-port", "\(metricsPorts[slot])", "--shard-slot", "\(slot + 1)", "--shard-count", "2",
                ], in: folder, tag: "-\(slot)")
        }
        let context = try Context()
        let logger = Logger(label: "test")
        var subscriber = try Subscriber(
            EndpointDirectory((0..<2).map { .plain("\(bus)/features-\($0)") }, logger: logger),
            topics: [Topic.prefix(.feature)], in: context, logger: logger)
        let ingest = try Program(
            "ingest",
            [
                "--symbols", Self.symbols.joined(separator: ","), "--publish", "\(bus)/ticks", "--websocket-url",
                "ws://127.0.0.1:\(port)", "--rest-url", "http://127.0.0.1:\(port)", "--wait-subscriptions", "2",
                "--metrics-port", "0", "--lease-dir", folder.appending(path: "leases").path,
            ], in: folder)

        // Until each symbol has sent fifty vectors, which is long enough for a second sender to have shown itself.
        var senders: [String: Set<UInt64>] = [:]
        var vectors: [String: Int] = [:]
        let end = HostClock.monotonicNanoseconds + 90_000_000_000
        while HostClock.monotonicNanoseconds < end, !Self.symbols.allSatisfy({ vectors[$0, default: 0] >= 50 }) {
            guard let delivery = try subscriber.next(timeoutMilliseconds: 200),
                case .vector = subscriber.reader.content
            else { continue }
            senders[delivery.topic.symbol, default: []].insert(subscriber.reader.epoch)
            vectors[delivery.topic.symbol, default: 0] += 1
        }
        #expect(senders.keys.sorted() == Self.symbols, "\(vectors) \(features[0].logText.suffix(1_000))")
        #expect(senders.values.allSatisfy { $0.count == 1 }, "\(senders)")
        // Which of the two it is, is the owner that anyone can compute; both have some of these six.
        let groups = Dictionary(grouping: Self.symbols) { senders[$0]?.first ?? 0 }.values.map(Set.init)
        let owned = (0..<2).map { slot in
            Set(Self.symbols.filter { Shard.owner(of: "binance.\($0)", count: 2) == slot })
        }
        #expect(groups.count == 2 && groups.allSatisfy { owned.contains($0) }, "\(groups)")

        for slot in 0..<2 {
            func served() async -> Set<String> {
                let page = await Web.get("http://127.0.0.1:\(metricsPorts[slot])/metrics")?.body ?? ""
                let lines = page.split(separator: "\n").filter { $0.hasPrefix(MetricName.detectorThreshold + "{") }
                return Set(Self.symbols.filter { symbol in lines.contains { $0.contains("\"\(symbol)\"") } })
            }
            let isRight = await eventually { await served() == owned[slot] }
            let found = await served()
            #expect(isRight, "slot \(slot): \(found)")
        }
        for program in [ingest] + features + detectors + [simulator] {
            program.signal(SIGTERM)
            let code = await program.exitCode()
            #expect(code == 0, "\(program.name): \(program.logText.suffix(8_000))")
        }
    }

    /// Two parts and three processes: the third stands by, and has a part as soon as one is free.
    @Test(.timeLimit(.minutes(5))) func partsAreClaimedAndTakenOver() async throws {
        let folder = try TestFiles.temporaryFolder()
        defer { try? FileManager.default.removeItem(at: folder) }
        let health = Health()
        let runtime = ServiceRuntime(
            name: "test", logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }, health: health,
            metrics: PrometheusRegistry(descriptions: []), epoch: 1)
        func claim(_ preferred: Int? = nil, of kind: String = "features") -> ShardClaim {
            ShardClaim(
                .claimed(count: 2, preferred: preferred, directory: folder.path), of: kind, runtime)
        }
        let stop = StopSignal()
        var first: ShardClaim? = claim()
        let second = claim()
        #expect(try first?.take(part: "a", until: stop) == Shard(index: 0, count: 2))
        #expect(try second.take(part: "b", until: stop) == Shard(index: 1, count: 2))
        // Another thread of the same process gets the same part, another kind of process has parts of its own.
        #expect(try second.take(part: "b", until: stop) == Shard(index: 1, count: 2))
        #expect(try claim(1, of: "detector").take(part: "c", until: stop) == Shard(index: 1, count: 2))

        let third = claim()
        let waiting = Task.detached { try third.take(part: "third", until: stop) }
        #expect(await eventually { health.parts.contains { $0.name == "third" && $0.isReady } })
        first = nil
        #expect(try await waiting.value == Shard(index: 0, count: 2))

        // Told to stop, a standby ends without a part.
        let fourth = claim(0)
        let end = StopSignal()
        let standby = Task.detached { try fourth.take(part: "fourth", until: end) }
        #expect(await eventually { health.parts.contains { $0.name == "fourth" } })
        end.request()
        #expect(try await standby.value == nil)
        extendLifetime((second, third))
    }

    /// Three detectors with one folder for two parts: each part has a signal log of its own, and the third process, which
    /// has none, takes over from one that is killed.
    @Test(.timeLimit(.minutes(5))) func detectorsClaimTheirLogs() async throws {
        let folder = try TestFiles.temporaryFolder()
        defer { try? FileManager.default.removeItem(at: folder) }
        let bus = "ipc://\(folder.path)"
        func start(_ tag: Int) throws -> Program {
            try Program(
                "detector",
                [
                    "--connect", "\(bus)/features", "--publish", "\(bus)/signals-\(tag)", "--alerts", "none",
                    "--replay",
                    "none", "--state-dir", folder.appending(path: "state/{slot}").path, "--metrics-port", "0",
                    "--shard-count", "2", "--shard-lease-dir", folder.appending(path: "leases").path,
                ], in: folder, tag: "-\(tag)")
        }
        let detectors = [try start(0), try start(1), try start(2)]
        func claimed(_ part: Int) -> [Program] {
            detectors.filter { $0.logText.contains("state/\(part)/signals.sqlite") }
        }
        #expect(await eventually { claimed(1).count == 1 && claimed(2).count == 1 })
        #expect(await eventually { detectors.contains { $0.logText.contains("standing by") } })
        let victim = try #require(claimed(2).first)
        let standby = try #require(detectors.first { $0.logText.contains("standing by") })
        #expect(victim !== standby)
        victim.signal(SIGKILL)
        #expect(await eventually { claimed(2).contains { $0 === standby } }, "\(standby.logText)")
        for program in detectors where program !== victim {
            program.signal(SIGTERM)
            #expect(await program.exitCode() == 0, "\(program.logText)")
        }
    }

    @Test(arguments: [
        (["--shard-count", "2"], "--shard-count: needs --shard-slot or --shard-lease-dir"),
        (["--shard-slot", "3", "--shard-count", "2"], "--shard-slot: '3' is beyond --shard-count 2"),
        (["--shard-slot", "0", "--shard-count", "2"], "--shard-slot: '0' is neither a number from 1 nor"),
        (["--shard-slot", "1", "--shard-count", "0"], "--shard-count: 0 is outside 1…1024"),
    ])
    func aPartThatCannotBeIsRefused(arguments: [String], problem: String) async throws {
        for name in ["features", "detector"] {
            let folder = try TestFiles.temporaryFolder()
            defer { try? FileManager.default.removeItem(at: folder) }
            let program = try Program(name, arguments + ["--check-config"], in: folder)
            #expect(await program.exitCode() == 78)
            #expect(program.logText.contains(problem), "\(program.logText)")
        }
    }
}
