import Foundation
import Runtime
import TestSupport
import Testing
import Wire

/// One symbol at two venues at the same time, through one `features`, one `detector` and one gateway.
@Suite struct TwoVenuesTests {
    private static let venues = ["kraken", "okx"]

    private final class Bench {
        let folder: URL
        private(set) var programs: [Program] = []
        let gatewayPort = freePort()
        let featuresPort = freePort()

        init() async throws {
            folder = try TestFiles.temporaryFolder()
            let bus = "ipc://\(folder.path)"
            let ticks = venues.map { "\(bus)/ticks-\($0)" }.joined(separator: ",")
            func start(_ name: String, _ arguments: [String], tag: String = "") throws {
                programs.append(try Program(name, arguments, in: folder, tag: tag))
            }
            try start(
                "features",
                ["--connect", ticks, "--publish", "\(bus)/features", "--metrics-port", "\(featuresPort)"])
            try start(
                "detector",
                [
                    "--connect", "\(bus)/features", "--publish", "\(bus)/signals", "--alerts", "\(bus)/alerts",
                    "--replay", "\(bus)/replay", "--state-dir", folder.path, "--profile", "classic",
                    "--metrics-port", "0",
                ])
            try start(
                "api-gateway",
                [
                    "--port", "\(gatewayPort)", "--connect-ticks", ticks, "--connect-features", "\(bus)/features",
                    "--connect-signals", "\(bus)/signals", "--connect-replay", "\(bus)/replay", "--state-dir",
                    folder.path, "--metrics-port", "0",
                ])
            for venue in venues {
                let port = freePort()
                try start(
                    "exchange-sim",
                    [
                        "--venue", venue, "--synthetic", "BTCUSDT", "--speed", "10", "--port", "\(port)",
                        "--metrics-port", "0",
                    ], tag: "-\(venue)")
                let address = "http://127.0.0.1:\(port)"
                _ = await eventually { await Web.get(address + "/control/accounts")?.status == 200 }
                try start(
                    "ingest",
                    [
                        "--venue", venue, "--symbols", "BTC-USDT", "--websocket-url", "ws://127.0.0.1:\(port)",
                        "--rest-url", address, "--publish", "\(bus)/ticks-\(venue)", "--metrics-port", "0",
                        "--lease-dir", folder.appending(path: "leases").path, "--reconnect-delay", "0.1",
                    ], tag: "-\(venue)")
            }
        }

        deinit { try? FileManager.default.removeItem(at: folder) }

        var logs: String { programs.map { "\($0.name): \($0.logText.suffix(500))" }.joined(separator: "\n") }

        func ask<Answer: Decodable>(_ path: String, as type: Answer.Type = Answer.self) async -> Answer? {
            let page = await Web.get("http://127.0.0.1:\(gatewayPort)/api/v1/\(path)")
            return page.flatMap { try? JSONDecoder().decode(type, from: Data($0.body.utf8)) }
        }

        func stop() async {
            for program in programs.reversed() {
                program.signal(SIGTERM)
                let code = await program.exitCode()
                #expect(code == 0, "\(program.name): \(program.logText.suffix(2_000))")
            }
        }
    }

    private struct Line: Decodable, Equatable {
        let symbol, venue: String
        var validity: String?
    }

    private struct Symbols: Decodable {
        let symbols: [Line]
        var markets: [String] { symbols.map { "\($0.venue).\($0.symbol)" } }
    }

    private struct Vectors: Decodable {
        let vectors: [Line]
        var venues: [String] { vectors.map(\.venue) }
    }

    private struct Signals: Decodable {
        let signals: [SignalDocument]
    }

    @Test(.timeLimit(.minutes(4))) func twoVenuesOfOneSymbolLiveSideBySide() async throws {
        let bench = try await Bench()
        let markets = Self.venues.map { "\($0).BTCUSDT" }
        let areValid = await eventually(within: 60) {
            let found = await bench.ask("symbols", as: Symbols.self)
            return found?.markets == markets && found?.symbols.allSatisfy { $0.validity == "VALID" } == true
        }
        #expect(areValid, "\(bench.logs)")

        #expect(
            await eventually(within: 30) {
                await bench.ask("features/latest?symbol=BTCUSDT", as: Vectors.self)?.venues == Self.venues
            }, "\(bench.logs)")
        let one = await bench.ask("features/latest?symbol=BTC-USDT&venue=kraken", as: Vectors.self)
        #expect(one?.venues == ["kraken"])
        // A status comes once a second; a market may be known by its vectors before.
        #expect(
            await eventually { await bench.ask("stats?venue=okx", as: Symbols.self)?.markets == ["okx.BTCUSDT"] })

        for venue in Self.venues {
            let path = "signals?symbol=BTCUSDT&venue=\(venue)"
            let hasSome = await eventually(within: 90) {
                await bench.ask(path, as: Signals.self)?.signals.isEmpty == false
            }
            #expect(hasSome, "\(venue): \(bench.logs)")
            let signals = await bench.ask("signals?venue=\(venue)&limit=1000", as: Signals.self)?.signals ?? []
            #expect(!signals.isEmpty && signals.allSatisfy { $0.venue == venue })
            // Each has series of its own.
            let label = "venue=\"\(venue)\""
            let vectors = await Web.metric(MetricName.featureVectors, port: bench.featuresPort, label: label)
            #expect(vectors ?? 0 > 0)
        }
        await bench.stop()
    }
}
