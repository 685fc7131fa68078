import Foundation
import Microstructure
import Testing
import Wire
import ZeroMQ

@testable import Runtime
import TestSupport

/// The bus is open to any program: whatever one sends, every subscriber goes on, and what it tells the world stays sound.
@Suite(.serialized) struct HostileBusTests {
    private static let seed = ProcessInfo.processInfo.environment["MICROSTRUCTURE_SEED"].flatMap(UInt64.init) ?? 24
    private static let rounds = ProcessInfo.processInfo.environment["HOSTILE_ROUNDS"].flatMap(Int.init) ?? 1_500
    private static let marker = "MARKERUSDT"

    private let folder: URL
    private let gatewayPort: Int
    private let programs: [Program]

    init() throws {
        let folder = try TestFiles.temporaryFolder()
        let (gatewayPort, alerterPort) = (freePort(), freePort())
        func bus(_ name: String) -> String { HostileBus.endpoint(name, folder) }
        let quiet = ["--log-level", "critical"]
        func program(_ name: String, _ arguments: [String], port: Int, tag: String = "") throws -> Program {
            try Program(name, arguments + quiet + ["--metrics-port", "\(port)"], in: folder, tag: tag)
        }
        let state = ["--state-dir", folder.path]
        programs = [
            try program(
                "features", ["--connect", bus("ticks"), "--publish", bus("real-features")], port: 0),
            // Once behind the hostile features, and once behind what `features` makes of hostile ticks.
            try program(
                "detector",
                [
                    "--connect", "\(bus("features")),\(bus("real-features"))", "--publish", bus("real-signals"),
                    "--alerts", bus("alerts"), "--replay", bus("replay"),
                ] + state, port: 0),
            try program(
                "alerter",
                ["--bind", bus("alerts"), "--replay", "\(bus("log")),\(bus("replay"))", "--console", "false"] + state,
                port: alerterPort),
            try program(
                "api-gateway",
                [
                    "--port", "\(gatewayPort)", "--connect-ticks", bus("ticks"), "--connect-features", bus("features"),
                    "--connect-signals", "\(bus("signals")),\(bus("real-signals"))",
                    "--connect-replay", "\(bus("log")),\(bus("replay"))",
                    "--alerter-url", "http://127.0.0.1:\(alerterPort)",
                ] + state, port: 0),
            try program(
                "microlab", ["record", "--connect", bus("ticks"), "--out", folder.path + "/tape"], port: 0,
                tag: "-record"),
        ]
        self.folder = folder
        self.gatewayPort = gatewayPort
    }

    @Test(.timeLimit(.minutes(5))) func everySubscriberSurvivesAndShowsSoundDocuments() async throws {
        defer { try? FileManager.default.removeItem(at: folder) }
        var bus = try HostileBus(folder: folder, seed: Self.seed, in: try Context())
        // Ticks: features, gateway, recorder; features: detector, gateway; signals: two readers of the gateway.
        let deadline = HostClock.monotonicNanoseconds + 60_000_000_000
        while bus.subscriptions < 7, HostClock.monotonicNanoseconds < deadline {
            try bus.countSubscriptions()
            _ = await eventually(within: 0.02) { false }
        }
        #expect(bus.subscriptions == 7, "\(logs)")
        for round in 0..<Self.rounds {
            try bus.sendRound()
            if round % 250 == 249 {
                // So that no queue is ever full, and what the pages show changes under their readers.
                try await sendMarkerUntilItIsSeen(&bus, Self.marker + "\(round)")
                try await checkPages()
            }
            guard programs.allSatisfy(\.isRunning) else { break }
        }
        for program in programs { #expect(program.isRunning, "\(program.name): \(program.logText.suffix(2_000))") }
        #expect(bus.requestCount > 0)
        for program in programs.reversed() {
            program.signal(SIGTERM)
            #expect(await program.exitCode(within: 20) == 0, "\(program.name): \(program.logText.suffix(2_000))")
        }
        for command in ["info", "features", "detect", "export"] {
            let program = try Program("microlab", [command, folder.path + "/tape"], in: folder, tag: "-\(command)")
            // 1 says that records were refused.
            let code = await program.exitCode(within: 60)
            #expect(code.map { [0, 1].contains($0) } == true, "\(command): \(program.logText.suffix(2_000))")
        }
    }

    private var logs: String { programs.map { "\($0.name): \($0.logText.suffix(500))" }.joined(separator: "\n") }

    private func sendMarkerUntilItIsSeen(_ bus: inout HostileBus, _ symbol: String) async throws {
        let deadline = HostClock.monotonicNanoseconds + 60_000_000_000
        let queries = [
            "/api/v1/book/\(symbol)", "/api/v1/features/latest?symbol=\(symbol)", "/api/v1/alerts?symbol=\(symbol)",
            "/api/v1/signals?symbol=\(symbol)",
        ]
        var missing = queries
        while !missing.isEmpty, HostClock.monotonicNanoseconds < deadline, programs.allSatisfy(\.isRunning) {
            try bus.sendMarker(symbol)
            var left: [String] = []
            for query in missing {
                let answer = await page(query)
                if answer?.status != 200 || answer?.body.contains(symbol) != true { left.append(query) }
            }
            missing = left
        }
        #expect(missing.isEmpty, "\(logs)")
    }

    private func page(_ path: String) async -> (status: Int, body: String)? {
        await Web.get("http://127.0.0.1:\(gatewayPort)\(path)")
    }

    private func object(_ path: String) async throws -> [String: Any] {
        let answer = try #require(await page(path), "\(path): \(logs)")
        #expect([200, 404].contains(answer.status), "\(path): \(answer)")
        let object = try JSONSerialization.jsonObject(with: Data(answer.body.utf8)) as? [String: Any]
        return try #require(object, "\(path)")
    }

    /// Every page is JSON, and no signal has a score outside 0…1.
    private func checkPages() async throws {
        for path in ["/api/v1/features/latest", "/api/v1/stats", "/health"] { _ = try await object(path) }
        let markets = try await object("/api/v1/symbols")["symbols"] as? [[String: Any]] ?? []
        #expect(markets.count >= HostileBus.symbols.count)
        for symbol in Set(markets.compactMap { $0["symbol"] as? String }).sorted().prefix(30) {
            guard let name = symbol.addingPercentEncoding(withAllowedCharacters: .alphanumerics),
                SymbolName.normalized(symbol) == symbol
            else { continue }
            for kind in ["book", "trades", "detectors"] { _ = try await object("/api/v1/\(kind)/\(name)") }
            let live = await page("/api/v1/live/\(name)?seconds=0.05&rate=100")
            #expect(live?.status == 200)
        }
        var signals = try await object("/api/v1/signals?limit=200")["signals"] as? [[String: Any]] ?? []
        #expect(!signals.isEmpty)
        for id in signals.prefix(5).compactMap({ $0["id"] as? String }) {
            let path = id.addingPercentEncoding(withAllowedCharacters: .alphanumerics) ?? ""
            _ = try await object("/api/v1/signals/\(path)/explain")
        }
        let alerts = try await object("/api/v1/alerts?limit=200")["alerts"] as? [[String: Any]] ?? []
        #expect(!alerts.isEmpty)
        signals += alerts.compactMap { $0["signal"] as? [String: Any] }
        for signal in signals {
            let score = signal["score"] as? Double ?? .nan
            #expect((0...1).contains(score), "\(signal)")
        }
    }
}
