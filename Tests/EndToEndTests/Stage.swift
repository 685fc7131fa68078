import TestSupport
@testable import Engines
@testable import Runtime
import Foundation
import Synchronization
import Testing
import Transport
import Wire

/// Detector, alerter and gateway, each started again after a kill with the same arguments.
final class Stage: @unchecked Sendable {
    static let names = ["detector", "alerter", "api-gateway"]
    let folder: URL
    private let ports: [String: Int]
    private let gatewayPort: Int
    private var arguments: [String: [String]] = [:]
    private var programs: [String: Program] = [:]
    private var generation = 0
    private let alerterEnvironment: [String: String]
    private let commonEnvironment: [String: String]
    private let state: URL

    var features: String { "ipc://\(folder.path)/features" }
    var signals: String { "ipc://\(folder.path)/signals" }
    var gatewayAddress: String { "http://127.0.0.1:\(gatewayPort)" }
    func metricsPort(_ name: String) -> Int { ports[name] ?? 0 }

    /// - Parameters:
    ///   - extra: further arguments of the alerter.
    ///   - environment: of the alerter.
    ///   - state: where they keep what outlives them; their own folder by default.
    ///   - everywhere: environment of all of them.
    init(
        webhook: String?, alerter extra: [String] = [], environment: [String: String] = [:],
        only: [String] = Stage.names, state: URL? = nil, everywhere: [String: String] = [:]
    ) throws {
        folder = try TestFiles.temporaryFolder()
        alerterEnvironment = environment
        commonEnvironment = everywhere
        self.state = state ?? folder
        gatewayPort = freePort()
        ports = Dictionary(uniqueKeysWithValues: Self.names.map { ($0, freePort()) })
        let bus = "ipc://\(folder.path)"
        let state = self.state.path
        arguments["detector"] =
            [
                "--connect", "\(bus)/features", "--publish", "\(bus)/signals", "--alerts", "\(bus)/alerts",
                "--replay", "\(bus)/replay", "--state-dir", state, "--log-level", "warning",
            ] + VectorSource.detectorArguments
        arguments["alerter"] =
            [
                "--bind", "\(bus)/alerts", "--replay", "\(bus)/replay", "--state-dir", state, "--console", "false",
                "--timeout", "0.4", "--log-level", "error",
            ] + (webhook.map { ["--webhook-url", $0] } ?? []) + extra
        arguments["api-gateway"] = [
            "--port", "\(gatewayPort)", "--connect-ticks", "none", "--connect-features", "none", "--connect-signals",
            "\(bus)/signals", "--connect-replay", "\(bus)/replay", "--state-dir", state, "--log-level", "error",
            "--alerter-url", "http://127.0.0.1:\(ports["alerter"] ?? 0)",
        ]
        for name in only { try start(name) }
    }

    func start(_ name: String) throws {
        generation += 1
        programs[name] = try Program(
            name, (arguments[name] ?? []) + ["--metrics-port", "\(metricsPort(name))"], in: folder,
            tag: "-\(generation)",
            environment: commonEnvironment.merging(name == "alerter" ? alerterEnvironment : [:]) { $1 })
    }

    /// `kill -9`, and a new process at once.
    func kill(_ name: String) async throws {
        programs[name]?.signal(SIGKILL)
        let code = await programs[name]?.exitCode()
        #expect(code == SIGKILL, "\(name) had ended by itself: \(programs[name]?.logText.suffix(1_000) ?? "")")
        try start(name)
    }

    /// `kill -9` of all at once; none is started again.
    func killAll() async throws {
        for program in programs.values { program.signal(SIGKILL) }
        for (name, program) in programs {
            let code = await program.exitCode()
            #expect(code == SIGKILL, "\(name) had ended by itself: \(program.logText.suffix(1_000))")
        }
    }

    /// The most memory that it has used.
    func peakMegabytes(of name: String) -> Int {
        let file = URL(filePath: "/proc/\(programs[name]?.identifier ?? 0)/status")
        let data = try? FileHandle(forReadingFrom: file).readToEnd()
        let line = String(decoding: data ?? Data(), as: UTF8.self).split(separator: "\n").first {
            $0.hasPrefix("VmHWM")
        }
        return (line?.split(separator: " ").dropFirst().first.flatMap { Int($0) } ?? 0) / 1_024
    }

    func log(of name: String) -> String { programs[name]?.logText ?? "" }
    func output(of name: String) -> String { programs[name]?.outputText ?? "" }

    var logs: String {
        programs.sorted { $0.key < $1.key }.map { "\($0.key): \($0.value.logText.suffix(1_500))" }.joined(
            separator: "\n")
    }

    func stop() async {
        for name in ["api-gateway", "alerter", "detector"] {
            guard let program = programs[name] else { continue }
            program.signal(SIGTERM)
            let code = await program.exitCode()
            #expect(code == 0, "\(name): \(program.logText.suffix(2_000))")
        }
    }

    func remove() { try? FileManager.default.removeItem(at: folder) }

    /// The detector's log; the detector must have ended.
    func loggedSignals() throws -> [ProtoSignal] {
        let log = try SignalLog(path: state.path + "/signals.sqlite")
        var signals: [ProtoSignal] = []
        while case let next = try log.signals(after: signals.last?.logSequence ?? 0, limit: 500), !next.isEmpty {
            signals += next
        }
        return signals
    }

    /// All ids at the gateway, page by page.
    func storedIDs() async throws -> Set<String> {
        struct Page: Decodable {
            struct Signal: Decodable { let id: String }
            let signals: [Signal]
            var nextCursor: String?

            enum CodingKeys: String, CodingKey {
                case signals
                case nextCursor = "next_cursor"
            }
        }
        var ids: Set<String> = []
        var cursor: String?
        repeat {
            let query = "?limit=1000" + (cursor.map { "&cursor=\($0)" } ?? "")
            let answer = try #require(await Web.get(gatewayAddress + "/api/v1/signals" + query))
            let page = try JSONDecoder().decode(Page.self, from: Data(answer.body.utf8))
            ids.formUnion(page.signals.map(\.id))
            cursor = page.nextCursor
        } while cursor != nil
        return ids
    }
}

/// Posts signals at the gateway, each under a key of its own and again until it is answered 202.
final class Poster: Sendable {
    private let answered = Mutex<Set<String>>([])
    private let isStopping = Atomic<Bool>(false)
    private let task = Mutex<Task<Void, Never>?>(nil)

    var ids: Set<String> { answered.withLock { $0 } }

    init(_ gateway: String, perSecond: Double) {
        let task = Task { [self] in
            guard let http = try? HTTPClient() else { return }
            defer { http.shutdown() }
            let start = HostClock.monotonicNanoseconds
            var number = 0
            while !isStopping.load(ordering: .relaxed) {
                number += 1
                let due = start + Int64(Double(number) / perSecond * 1e9)
                _ = await eventually(within: 5) { HostClock.monotonicNanoseconds >= due }
                var request = HTTPRequest(
                    method: "POST", url: gateway + "/api/v1/signals",
                    headers: [
                        (name: "Content-Type", value: "application/json"),
                        (name: "Idempotency-Key", value: "chaos-\(number)"),
                    ],
                    body: Array(
                        #"{"timestamp":1696867200.0,"signal_type":"posted","score":0.85,"symbol":"PUSDT"}"#.utf8))
                request.totalTimeoutMilliseconds = 3_000
                let message = request
                _ = await eventually(within: 60) {
                    guard let answer = try? await http.send(message), answer.status == 202,
                        let signal = try? JSONDecoder().decode(SignalDocument.self, from: Data(answer.body))
                    else { return false }
                    _ = self.answered.withLock { $0.insert(signal.id) }
                    return true
                }
            }
        }
        self.task.withLock { $0 = task }
    }

    func stop() async {
        isStopping.store(true, ordering: .relaxed)
        await task.withLock { $0 }?.value
    }
}
