import Foundation
import TestSupport
import Testing
import Transport

/// `ingest` with symbols that the exchange does not list, or whose market it stops: no healthy symbol suffers.
@Suite struct ListingProcessTests {
    /// An exchange, and what its processes share.
    private final class Bench {
        let folder: URL
        let exchangePort = freePort()
        private let exchange: Program

        init(_ symbols: String) async throws {
            folder = try TestFiles.temporaryFolder()
            exchange = try Program(
                "exchange-sim",
                ["--synthetic", symbols, "--port", "\(exchangePort)", "--metrics-port", "0", "--order-rate", "100"],
                in: folder)
            let address = address
            #expect(await eventually { await Web.get("\(address)/api/v3/ping")?.status == 200 }, "\(exchange.logText)")
        }

        deinit { try? FileManager.default.removeItem(at: folder) }

        var address: String { "http://127.0.0.1:\(exchangePort)" }

        /// An ingest with its metrics port.
        func ingest(_ arguments: [String], tag: String = "") throws -> (program: Program, port: Int) {
            let port = freePort()
            let program = try Program(
                "ingest",
                arguments + [
                    "--websocket-url", "ws://127.0.0.1:\(exchangePort)", "--rest-url", address, "--publish",
                    "ipc://\(folder.path)/ticks\(tag)", "--metrics-port", "\(port)", "--lease-dir",
                    "\(folder.path)/leases", "--listing-interval", "1",
                ], in: folder, tag: tag)
            return (program, port)
        }

        /// Gives a market another status; `nil` takes it off the list.
        func change(_ symbol: String, to status: String?) async throws {
            let client = try HTTPClient()
            defer { client.shutdown() }
            var request = HTTPRequest(url: "\(address)/control/status")
            request.method = "POST"
            request.body = Array(#"{"symbol":"\#(symbol)"\#(status.map { #","status":"\#($0)""# } ?? "")}"#.utf8)
            #expect(try await client.send(request).status == 200)
        }

        static func ready(_ port: Int) async -> (status: Int, body: String) {
            await Web.get("http://127.0.0.1:\(port)/ready") ?? (0, "")
        }

        /// Waits until the process is ready and its page says `text`.
        static func isReady(_ port: Int, saying text: String) async -> Bool {
            await eventually(within: 60) {
                let page = await ready(port)
                return page.status == 200 && page.body.contains(text)
            }
        }
    }

    /// Unknown symbols are named and set aside, one of them with letters beyond ASCII; one that is listed later joins
    /// the feed, and the connection of the others is not broken for it.
    @Test func unknownSymbolsAreSetAsideAndAskedForAgain() async throws {
        let bench = try await Bench("BTCUSDT,这是测试币456,ETHUSDT")
        try await bench.change("ETHUSDT", to: nil)
        let (program, port) = try bench.ingest(["--symbols", "BTCUSDT,WRONGUSDT,这是测试币456,ETHUSDT"])
        #expect(
            await Bench.isReady(port, saying: "2 of 2 books valid; not listed by the venue: WRONGUSDT, ETHUSDT"),
            "\(program.logText)")
        let name = "microstructure_symbol_unknown"
        #expect(await Web.metric(name, port: port, label: #""ETHUSDT""#) == 1)
        #expect(await Web.metric("microstructure_book_valid", port: port, label: #""这是测试币456""#) == 1)
        for symbol in ["WRONGUSDT", "ETHUSDT"] {
            #expect(program.logText.contains("symbol=\(symbol)"), "\(program.logText)")
        }

        try await bench.change("ETHUSDT", to: "TRADING")
        #expect(
            await Bench.isReady(port, saying: "3 of 3 books valid; not listed by the venue: WRONGUSDT"),
            "\(program.logText)")
        #expect(await Web.metric(name, port: port, label: #""ETHUSDT""#) == 0)
        #expect(await Web.metric("microstructure_feed_reconnects_total", port: port) ?? 0 == 0)
        #expect(await Web.metric("microstructure_feed_gaps_total", port: port) ?? 0 == 0)
        program.signal(SIGTERM)
        #expect(await program.exitCode(within: 20) == 0)
    }

    @Test func withoutAnyListedSymbolItEndsAndNamesThem() async throws {
        let bench = try await Bench("BTCUSDT")
        let (one, _) = try bench.ingest(["--symbols", "WRONGUSDT"], tag: "one")
        #expect(await one.exitCode(within: 30) == 78)
        #expect(one.logText.contains("no symbol is left to serve: WRONGUSDT"), "\(one.logText)")
        let (pool, _) = try bench.ingest(["--symbol-pool", "WRONGUSDT,NOUSDT"], tag: "pool")
        #expect(await pool.exitCode(within: 30) == 78)
        #expect(pool.logText.contains("WRONGUSDT (") && pool.logText.contains("NOUSDT ("), "\(pool.logText)")
    }

    /// The first symbol of the pool is not listed: one process holds it, and still serves another when one is free.
    @Test func aPoolServesItsListedSymbols() async throws {
        let bench = try await Bench("BTCUSDT,ETHUSDT")
        let pool = ["--symbol-pool", "WRONGUSDT,BTCUSDT,ETHUSDT"]
        let (first, firstPort) = try bench.ingest(pool, tag: "1")
        #expect(await Bench.isReady(firstPort, saying: "1 of 1 books valid"), "\(first.logText)")
        let (second, secondPort) = try bench.ingest(pool, tag: "2")
        #expect(await Bench.isReady(secondPort, saying: "1 of 1 books valid"), "\(second.logText)")
        let (third, thirdPort) = try bench.ingest(pool, tag: "3")
        #expect(await Bench.isReady(thirdPort, saying: "standing by"), "\(third.logText)")
        #expect(await Web.metric("microstructure_book_valid", port: firstPort, label: "BTCUSDT") == 1)
        // The process that dies held the unknown symbol as well: the standby is not harmed by it.
        first.signal(SIGKILL)
        let isServed = await eventually(within: 60) {
            await Web.metric("microstructure_book_valid", port: thirdPort, label: "BTCUSDT") == 1
        }
        #expect(isServed && third.isRunning && second.isRunning, "\(third.logText)")
    }

    /// A halted market is named, and its connection stays; when trading resumes its book comes back.
    @Test func aHaltedMarketIsNoDeadFeed() async throws {
        let bench = try await Bench("BTCUSDT,ETHUSDT")
        let (program, port) = try bench.ingest(["--symbols", "BTCUSDT,ETHUSDT"])
        #expect(await Bench.isReady(port, saying: "2 of 2 books valid"), "\(program.logText)")
        try await bench.change("ETHUSDT", to: "HALT")
        #expect(
            await Bench.isReady(port, saying: "1 of 2 books valid; ETHUSDT HALTED"),
            "\(program.logText)")
        func status(_ word: String) async -> Double? {
            await Web.metric(
                "microstructure_trading_status", port: port, label: #"status="\#(word)",symbol="ETHUSDT","#)
        }
        #expect(await status("HALTED") == 1)
        #expect(await status("TRADING") == 0)
        // Long enough for the other symbol to show that a silent stream would have been noticed.
        let updates = "microstructure_feed_book_updates_total"
        let start = await Web.metric(updates, port: port, label: "BTCUSDT") ?? 0
        let isOn = await eventually(within: 60) {
            (await Web.metric(updates, port: port, label: "BTCUSDT") ?? 0) >= start + 50
        }
        #expect(isOn)
        #expect(await Web.metric("microstructure_feed_rotations_total", port: port) ?? 0 == 0)
        try await bench.change("ETHUSDT", to: "TRADING")
        #expect(await Bench.isReady(port, saying: "2 of 2 books valid"), "\(program.logText)")
        // The log comes by another way than the pages, and may be read later.
        #expect(await eventually { program.logText.contains("the market trades again") }, "\(program.logText)")
        #expect(await Web.metric("microstructure_feed_reconnects_total", port: port) ?? 0 == 0)
    }
}
