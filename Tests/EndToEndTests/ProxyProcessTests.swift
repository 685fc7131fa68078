import Foundation
import TestSupport
import Testing

/// `ingest` as a process: the environment's proxies hold for REST and for the WebSocket.
@Suite(.serialized) struct ProxyProcessTests {
    private let folder: URL
    private let port = freePort()
    private let metricsPort = freePort()
    private let simulator: Program

    init() throws {
        folder = try TestFiles.temporaryFolder()
        simulator = try Program(
            "exchange-sim", ["--port", "\(port)", "--synthetic", "BTCUSDT", "--metrics-port", "0"], in: folder)
    }

    private func ingest(_ environment: [String: String]) throws -> Program {
        try Program(
            "ingest",
            [
                "--publish", "ipc://\(folder.path)/ticks", "--websocket-url", "ws://127.0.0.1:\(port)", "--rest-url",
                "http://127.0.0.1:\(port)", "--metrics-port", "\(metricsPort)", "--lease-dir", folder.path,
            ], in: folder, environment: environment)
    }

    private func end(_ programs: Program...) async {
        // A program that has not begun yet cannot end in order.
        #expect(await eventually { await Web.get("http://127.0.0.1:\(port)/api/v3/ping") != nil })
        for program in programs {
            program.signal(SIGTERM)
            #expect(await program.exitCode(within: 10) == 0, "\(program.logText.suffix(2_000))")
        }
        try? FileManager.default.removeItem(at: folder)
    }

    /// libwebsockets reads `http_proxy` too, and knows no exceptions.
    @Test(.timeLimit(.minutes(1))) func exceptionsHoldForBoth() async throws {
        let ingest = try ingest(["http_proxy": "http://127.0.0.1:9", "no_proxy": "127.0.0.1,localhost"])
        let isReady = await eventually(within: 40) {
            await Web.get("http://127.0.0.1:\(metricsPort)/ready")?.status == 200
        }
        #expect(isReady, "\(ingest.logText.suffix(2_000))")
        #expect(ingest.logText.contains("directly (no_proxy)"))
        await end(ingest, simulator)
    }

    @Test(.timeLimit(.minutes(1))) func anUnreachableProxyIsNamedWithoutItsPassword() async throws {
        let closed = freePort()
        let ingest = try ingest(["http_proxy": "http://me:secret@127.0.0.1:\(closed)", "no_proxy": ""])
        let name = "through the proxy http://***@127.0.0.1:\(closed) (http_proxy)"
        let isNamed = await eventually(within: 40) {
            ingest.logText.components(separatedBy: name).count > 2
        }
        #expect(isNamed && !ingest.logText.contains("secret"), "\(ingest.logText.suffix(2_000))")
        await end(ingest, simulator)
    }
}
