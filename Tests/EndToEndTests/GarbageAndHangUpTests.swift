@testable import Bus
@testable import Runtime
import Foundation
import TestSupport
import Testing
import ZeroMQ

/// What a stranger on the bus, or a custom of other services, does to the processes.
@Suite(.serialized) struct GarbageAndHangUpTests {
    private static func garbage(_ number: Int, of kind: String) -> [[UInt8]] {
        let symbol = "S\(number)"
        let frames: [[String]] = [
            ["\(kind).binance.\(symbol)", "no protobuf \(number)"], ["no topic \(number)", "x"],
            ["\(kind).binance.\(symbol)"], ["\(kind).binance.\(symbol)", "a", "b", "c"],
            ["\(kind).nowhere.\(symbol)", ""],
        ]
        return frames[number % frames.count].map { Array($0.utf8) }
    }

    /// Thousands of bad messages: each is counted, the log stays short, and the process is well.
    @Test(.timeLimit(.minutes(5)), arguments: ["features", "detector", "alerter"])
    func aFloodOfGarbageIsCountedAndNotLoggedLineByLine(name: String) async throws {
        let folder = try TestFiles.temporaryFolder()
        defer { try? FileManager.default.removeItem(at: folder) }
        let bus = "ipc://\(folder.path)"
        let port = freePort()
        let arguments: [String: [String]] = [
            "features": ["--connect", "\(bus)/in", "--publish", "\(bus)/out"],
            "detector": [
                "--connect", "\(bus)/in", "--publish", "\(bus)/out", "--alerts", "none", "--replay", "none",
                "--state-dir", folder.path,
            ],
            "alerter": ["--bind", "\(bus)/in", "--replay", "none", "--state-dir", folder.path],
        ]
        let context = try Context()
        let socket = try Socket(name == "alerter" ? .push : .pub, in: context)
        if name != "alerter" { try socket.bind("\(bus)/in") }
        let program = try Program(name, (arguments[name] ?? []) + ["--metrics-port", "\(port)"], in: folder)
        if name == "alerter" { try socket.connect("\(bus)/in") }
        let kind = name == "features" ? "tick" : name == "detector" ? "feature" : "signal"
        var sent = 0
        func refused() async -> Double { await Web.metric(MetricName.busRejected, port: port) ?? 0 }
        // Of the five kinds of garbage, one topic is none that a subscriber has asked for.
        let isFlooded = try await eventually {
            for _ in 0..<500 {
                _ = try socket.offer(Self.garbage(sent, of: kind))
                sent += 1
            }
            return await refused() >= 3_000
        }
        #expect(isFlooded, "\(program.logText.suffix(2_000))")
        let lines = program.logText.split(separator: "\n").filter { $0.contains("refused") }
        #expect((1...60).contains(lines.count), "\(lines.count) lines: \(lines.prefix(80))")
        #expect(await Web.get("http://127.0.0.1:\(port)/health")?.status == 200)
        program.signal(SIGTERM)
        #expect(await program.exitCode() == 0)
    }

    /// A closed terminal does not end a service: the log says what there is to do.
    @Test(.timeLimit(.minutes(5))) func aHangUpEndsNoProcess() async throws {
        let folder = try TestFiles.temporaryFolder()
        defer { try? FileManager.default.removeItem(at: folder) }
        let bus = "ipc://\(folder.path)"
        let arguments: [(name: String, arguments: [String])] = [
            (
                "ingest",
                [
                    "--publish", "\(bus)/ticks", "--wait-subscriptions", "9", "--lease-dir", folder.path,
                    "--websocket-url", "ws://127.0.0.1:9", "--rest-url", "http://127.0.0.1:9",
                ]
            ), ("features", ["--connect", "\(bus)/ticks", "--publish", "\(bus)/features"]),
            (
                "detector",
                [
                    "--connect", "\(bus)/features", "--publish", "\(bus)/signals", "--alerts", "none", "--replay",
                    "none",
                    "--state-dir", folder.path,
                ]
            ), ("alerter", ["--bind", "\(bus)/alerts", "--replay", "none", "--state-dir", folder.path]),
            (
                "api-gateway",
                [
                    "--port", "0", "--connect-ticks", "none", "--connect-features", "none", "--connect-signals", "none",
                    "--connect-replay", "none", "--state-dir", folder.path,
                ]
            ), ("exchange-sim", ["--port", "0"]),
            ("microlab", ["record", "--connect", "\(bus)/ticks", "--out", folder.path + "/tape"]),
        ]
        let programs = try arguments.map { (name, arguments) in
            let port = freePort()
            return (port, try Program(name, arguments + ["--metrics-port", "\(port)"], in: folder))
        }
        for (port, program) in programs {
            // Its page answers when it runs: before that, a SIGTERM ends it at once.
            #expect(
                await eventually { await Web.get("http://127.0.0.1:\(port)/health") != nil }, "\(program.logText)")
            program.signal(SIGHUP)
            #expect(
                await eventually { program.logText.contains("SIGHUP is ignored") },
                "\(program.name): \(program.logText)")
            program.signal(SIGHUP)
            #expect(program.isRunning)
            program.signal(SIGTERM)
            #expect(await program.exitCode() == 0, "\(program.name): \(program.logText)")
        }
    }
}
