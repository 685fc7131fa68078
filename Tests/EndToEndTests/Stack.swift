import TestSupport
import Foundation
import Testing

/// The whole pipeline as real processes on this machine, each under its own ports.
final class Stack {
    let folder: URL
    let simulator: Program
    private(set) var ingests: [String: Program] = [:]
    private(set) var features: Program
    private(set) var detector: Program
    private(set) var alerter: Program
    private(set) var gateway: Program

    let simulatorPort: Int
    let gatewayPort: Int
    let metricsPorts: [String: Int]
    private let symbols: [String]

    func ticks(_ symbol: String) -> String { "ipc://\(folder.path)/tick-\(symbol)" }
    var featureVectors: String { "ipc://\(folder.path)/features" }
    var signals: String { "ipc://\(folder.path)/signals" }

    /// Starts everything; ingest waits for `subscriptions` listeners: features and the gateway are two, a subscriber
    /// of the test's own is a third.
    init(market: [String], symbols: [String], subscriptions: Int = 2) async throws {
        folder = try TestFiles.temporaryFolder()
        self.symbols = symbols
        simulatorPort = freePort()
        gatewayPort = freePort()
        var ports: [String: Int] = [:]
        for name in ["exchange-sim", "features", "detector", "alerter", "api-gateway"] + symbols {
            ports[name] = freePort()
        }
        metricsPorts = ports
        let bus = "ipc://\(folder.path)"
        let tickList = symbols.map { "\(bus)/tick-\($0)" }.joined(separator: ",")
        func metrics(_ name: String) -> [String] { ["--metrics-port", "\(ports[name] ?? 0)"] }
        simulator = try Program(
            "exchange-sim", ["--port", "\(simulatorPort)"] + market + metrics("exchange-sim"), in: folder)
        features = try Program(
            "features", ["--connect", tickList, "--publish", "\(bus)/features"] + metrics("features"), in: folder)
        detector = try Program(
            "detector",
            [
                "--connect", "\(bus)/features", "--publish", "\(bus)/signals", "--alerts", "\(bus)/alerts",
                "--replay", "\(bus)/replay", "--state-dir", folder.path, "--profile", "classic",
            ] + metrics("detector"), in: folder)
        alerter = try Program(
            "alerter",
            ["--bind", "\(bus)/alerts", "--replay", "\(bus)/replay", "--state-dir", folder.path] + metrics("alerter"),
            in: folder)
        gateway = try Program(
            "api-gateway",
            [
                "--port", "\(gatewayPort)", "--connect-ticks", tickList, "--connect-features", "\(bus)/features",
                "--connect-signals", "\(bus)/signals", "--connect-replay", "\(bus)/replay", "--state-dir", folder.path,
                "--alerter-url", "http://127.0.0.1:\(ports["alerter"] ?? 0)",
            ] + metrics("api-gateway"), in: folder)
        let port = simulatorPort
        #expect(
            await eventually { await Web.get("http://127.0.0.1:\(port)/api/v3/ping") != nil }, "\(simulator.logText)")
        for symbol in symbols { try startIngest(symbol, subscriptions: subscriptions) }
    }

    deinit { try? FileManager.default.removeItem(at: folder) }

    func startIngest(_ symbol: String, subscriptions: Int = 0) throws {
        ingests[symbol] = try Program(
            "ingest",
            [
                "--symbols", symbol, "--publish", ticks(symbol), "--websocket-url", "ws://127.0.0.1:\(simulatorPort)",
                "--rest-url", "http://127.0.0.1:\(simulatorPort)", "--snapshot-depth", "5000",
                "--wait-subscriptions", "\(subscriptions)", "--reconnect-delay", "0.1", "--max-reconnect-delay", "0.5",
                "--metrics-port", "\(metricsPorts[symbol] ?? 0)", "--lease-dir", folder.appending(path: "leases").path,
            ], in: folder, tag: "-\(symbol)")
    }

    var all: [Program] {
        symbols.compactMap { ingests[$0] } + [features, detector, alerter, gateway, simulator]
    }

    /// SIGTERM to each in the order of the data; every exit code has to be 0.
    func stop() async {
        for program in all {
            program.signal(SIGTERM)
            let code = await program.exitCode()
            #expect(code == 0, "\(program.name): \(program.logText.suffix(2_000))")
        }
    }
}
