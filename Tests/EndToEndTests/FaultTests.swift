import TestSupport
import Foundation
import Testing
import Transport

/// Short runs of the proofs in `Faults/`: real processes, faults on purpose, and accounts by a checker that shares no code
/// with what it checks. Their seeds never change, and no limit depends on the machine's speed: `make test-faults` draws
/// seeds, runs at length and holds the times.
@Suite(.serialized) struct FaultTests {
    private static let products = URL(filePath: CommandLine.arguments[0]).deletingLastPathComponent()
    private static let script = TestFiles.root.appending(path: "Tests/EndToEndTests/Faults/faults.py").path

    @Test(
        .timeLimit(.minutes(5)),
        arguments: [
            ["table", "--short", "--times", "1"], ["chaos", "--faults", "60", "--seed", "1"],
            ["chaos", "--faults", "60", "--seed", "2", "--aggregates"], ["rotation", "--times", "3"],
            ["widening", "--times", "2", "--seed", "1"], ["standby", "--limit", "60"],
        ])
    func proof(arguments: [String]) throws {
        let (code, report) = try Program.run(
            "/usr/bin/python3",
            [Self.script] + arguments + ["--bin", Self.products.path, "--data", TestFiles.data.path])
        print(report)
        #expect(code == 0, "\(report)")
    }

    /// The venue does not tell its rules: what it told last time is good enough, and without it the start waits.
    @Test(.timeLimit(.minutes(5))) func aStartSurvivesAVenueThatDoesNotTellItsRules() async throws {
        let folder = try TestFiles.temporaryFolder()
        defer { try? FileManager.default.removeItem(at: folder) }
        let port = freePort()
        let simulator = try Program(
            "exchange-sim", ["--port", "\(port)", "--metrics-port", "0", "--synthetic", "BTCUSDT"], in: folder)
        #expect(await eventually { await Web.get("http://127.0.0.1:\(port)/api/v3/ping") != nil })
        func start(_ leases: String, tag: String) throws -> (Program, Int) {
            let metrics = freePort()
            let program = try Program(
                "ingest",
                [
                    "--symbols", "BTCUSDT", "--publish", "ipc://\(folder.path)/ticks\(tag)", "--snapshot-depth", "1000",
                    "--websocket-url", "ws://127.0.0.1:\(port)", "--rest-url", "http://127.0.0.1:\(port)",
                    "--reconnect-delay", "0.1", "--metrics-port", "\(metrics)", "--lease-dir",
                    "\(folder.path)/\(leases)",
                ], in: folder, tag: tag)
            return (program, metrics)
        }
        func isReady(_ port: Int) async -> Bool { await Web.get("http://127.0.0.1:\(port)/ready")?.status == 200 }
        let (first, firstPort) = try start("a", tag: "-1")
        #expect(await eventually { await isReady(firstPort) }, "\(first.logText)")
        first.signal(SIGTERM)
        #expect(await first.exitCode() == 0)

        let client = try HTTPClient()
        defer { client.shutdown() }
        for _ in 0..<40 {
            let fault = #"{"fault":"server_error","path":"/api/v3/exchangeInfo"}"#
            let answer = try await client.send(
                HTTPRequest(
                    method: "POST", url: "http://127.0.0.1:\(port)/control/faults", body: Array(fault.utf8)))
            #expect(answer.status == 202)
        }
        let (second, secondPort) = try start("a", tag: "-2")
        #expect(await eventually { await isReady(secondPort) }, "\(second.logText)")
        #expect(second.logText.contains("using what was told last time"))
        let (third, _) = try start("b", tag: "-3")
        #expect(await eventually { third.logText.contains("exchange information unavailable") })
        for program in [second, third, simulator] {
            program.signal(SIGTERM)
            #expect(await program.exitCode() == 0, "\(program.logText)")
        }
    }
}
