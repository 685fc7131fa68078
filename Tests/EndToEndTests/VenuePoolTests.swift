import Foundation
import TestSupport
import Testing
import Transport

/// One pool over several venues, which one `exchange-sim` serves below their names.
@Suite struct VenuePoolTests {
    @Test(.timeLimit(.minutes(5))) func aPoolSpansVenues() async throws {
        let folder = try TestFiles.temporaryFolder()
        defer { try? FileManager.default.removeItem(at: folder) }
        let port = freePort()
        let simulator = try Program(
            "exchange-sim",
            [
                "--venue", "kraken,okx", "--port", "\(port)", "--metrics-port", "0", "--synthetic", "BTCUSDT",
                "--order-rate", "60",
            ], in: folder)
        let address = "127.0.0.1:\(port)"
        #expect(await eventually { await Web.get("http://\(address)/okx/control/accounts")?.status == 200 })
        // Without a venue's name nobody is meant.
        let lost = await Web.get("http://\(address)/control/accounts")
        #expect(lost?.status == 404 && lost?.body.contains("/kraken, /okx") == true)

        func start(_ tag: String) throws -> (program: Program, port: Int) {
            let metrics = freePort()
            let program = try Program(
                "ingest",
                [
                    "--venues", "kraken,okx", "--symbol-pool", "BTCUSDT,okx:ETHUSDT", "--lease-dir",
                    "\(folder.path)/leases", "--websocket-url", "ws://\(address)/{venue}", "--rest-url",
                    "http://\(address)/{venue}", "--publish", "ipc://\(folder.path)/{venue}-{symbol}", "--metrics-port",
                    "\(metrics)", "--reconnect-delay", "0.1",
                ], in: folder, tag: tag)
            return (program, metrics)
        }
        func says(_ port: Int, _ text: String) async -> Bool {
            await eventually(within: 60) {
                let page = await Web.get("http://127.0.0.1:\(port)/ready")
                return page?.status == 200 && page?.body.contains(text) == true
            }
        }
        // Each takes a market: the symbol's at both venues; ETHUSDT, which this exchange does not list, is set aside.
        let first = try start("-1")
        #expect(await says(first.port, "1 of 1 books valid"), "\(first.program.logText)")
        #expect(first.program.logText.contains("BTCUSDT of kraken"))
        let second = try start("-2")
        #expect(await says(second.port, "1 of 1 books valid"), "\(second.program.logText)")
        #expect(second.program.logText.contains("BTCUSDT of okx"))
        let third = try start("-3")
        #expect(await says(third.port, "standing by for any symbol; not listed by the venue: ETHUSDT"))

        // Whichever venue's process dies, the standby takes its place.
        second.program.signal(SIGKILL)
        #expect(await says(third.port, "1 of 1 books valid"), "\(third.program.logText)")
        #expect(third.program.logText.contains("BTCUSDT of okx"))
        for program in [first.program, third.program, simulator] {
            program.signal(SIGTERM)
            #expect(await program.exitCode() == 0, "\(program.logText)")
        }
    }
}
