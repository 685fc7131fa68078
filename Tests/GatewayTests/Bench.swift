@testable import Bus
@testable import Engines
@testable import Runtime
import Foundation
import Logging
import ServiceLifecycle
import Synchronization
import Testing
import Wire
import ZeroMQ

@testable import Gateway

/// One after the other: the metrics are the process's.
@Suite(.serialized, .timeLimit(.minutes(5)))
enum GatewayTests {}

let testMetrics = Observability.bootstrap(
    service: "gateway-tests", level: .critical, format: .text, version: Version.current)

/// Runs `body`, which may block, outside the pool on which the gateway under test runs its own tasks.
func onThread(_ body: @escaping @Sendable () throws -> Void) async throws {
    try await withTaskExecutorPreference(BlockingExecutor()) { try body() }
}

private final class BlockingExecutor: TaskExecutor {
    private let queue = DispatchQueue(label: "blocking test")

    func enqueue(_ job: consuming ExecutorJob) {
        let job = UnownedJob(job)
        queue.async { job.runSynchronously(on: self.asUnownedTaskExecutor()) }
    }
}

/// Waits until `condition` holds; `false` where patience ends first.
func eventually(within seconds: Double = Connection.patienceSeconds, _ condition: () throws -> Bool) rethrows -> Bool {
    let deadline = Date(timeIntervalSinceNow: seconds)
    while Date() < deadline {
        if try condition() { return true }
        usleep(2_000)  // house-rule: the pause between two looks at a condition
    }
    return try condition()
}

/// The value of a series on the metrics page; 0 where it is not there.
func metric(_ name: String, _ labels: String = "") -> Double {
    let start = name + labels + " "
    let line = testMetrics.render().split(separator: "\n").first { $0.hasPrefix(start) }
    return line.flatMap { Double($0.dropFirst(start.count)) } ?? 0
}

/// A whole gateway, as its process runs it, between a real publisher and a real alerter's socket. Lives on one thread.
struct Bench: ~Copyable {
    let port: Int
    let health: Health
    private var publisher: Publisher
    private let alerter: Socket
    private var topics: [Topic: PublishedTopic] = [:]
    private let group: ServiceGroup
    private let ended: DispatchSemaphore
    private let failure: Failure
    private let folder: URL

    private final class Failure: Sendable {
        let error = Mutex<(any Error)?>(nil)
    }

    private init(
        port: Int, health: Health, publisher: consuming Publisher, alerter: consuming Socket, group: ServiceGroup,
        ended: DispatchSemaphore, failure: Failure, folder: URL
    ) {
        self.port = port
        self.health = health
        self.publisher = publisher
        self.alerter = alerter
        self.group = group
        self.ended = ended
        self.failure = failure
        self.folder = folder
    }

    deinit { try? FileManager.default.removeItem(at: folder) }

    private static func start(_ server: GatewayConfiguration.Server) throws -> Bench {
        let context = try Context()
        var publisher = try Publisher(
            [.plain("tcp://127.0.0.1:*")], in: context, producer: "bench", epoch: 1, kind: .signal)
        var options = SocketOptions()
        options.lingerMilliseconds = 0
        let alerter = try Socket(.pull, in: context, options: options)
        let alerts = try alerter.bind("tcp://127.0.0.1:*")
        let upstream = [Endpoint.plain(try publisher.endpoint)]
        let folder = FileManager.default.temporaryDirectory.appending(path: "gateway-\(UUID().uuidString.prefix(8))")
        let logger = Logger(label: "gateway-tests")
        // A detector's signal log, for what is posted.
        let wake = try WakeSignal()
        let queue = Mailbox<UnloggedSignal>(limit: 10, waking: { wake.wake() })
        let bus = "ipc://\(folder.path)"
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        let log = SignalLogConfiguration(
            path: folder.path + "/signals.sqlite", publish: [.plain("\(bus)/signals")], alerts: [.plain(alerts)],
            replay: [.plain("\(bus)/replay")])
        let logRuntime = ServiceRuntime(
            name: "detector", logger: logger, health: Health(), metrics: testMetrics, epoch: 1)
        let logThread = StageThread("log") { stop in
            try SignalLogStage.run(log, logRuntime, from: queue, wokenBy: wake, until: stop)
        }
        let configuration = GatewayConfiguration(
            server: server, ticks: upstream, features: upstream, signals: upstream + log.publish,
            replay: log.replay, storePath: folder.path + "/gateway.sqlite", retention: .init(), alerterURL: nil)
        let health = Health()
        let runtime = ServiceRuntime(
            name: "api-gateway", logger: logger, health: health, metrics: testMetrics, epoch: 1)
        let (listening, ended) = (DispatchSemaphore(value: 0), DispatchSemaphore(value: 0))
        let (port, failure) = (PortBox(), Failure())
        let services = try gatewayServices(configuration, runtime) {
            port.number.store($0, ordering: .releasing)
            listening.signal()
        }
        let group = ServiceGroup(
            configuration: .init(
                services: ([logThread] + services).map {
                    .init(service: $0, successTerminationBehavior: .gracefullyShutdownGroup)
                },
                logger: logger))
        Task {
            do { try await group.run() } catch { failure.error.withLock { $0 = error } }
            listening.signal()
            ended.signal()
        }
        listening.wait()
        if let error = failure.error.withLock({ $0 }) { throw error }
        // All readers have joined, so that nothing published from here on is missed.
        let deadline = Date(timeIntervalSinceNow: Connection.patienceSeconds)
        while publisher.subscriptions < 4, Date() < deadline {
            try publisher.countSubscriptions()
            usleep(2_000)  // house-rule: the pause between two looks at a condition
        }
        #expect(publisher.subscriptions == 4)
        return Bench(
            port: port.number.load(ordering: .acquiring), health: health, publisher: publisher, alerter: alerter,
            group: group, ended: ended, failure: failure, folder: folder)
    }

    private final class PortBox: Sendable {
        let number = Atomic<Int>(0)
    }

    /// Asks the gateway to stop and returns whether it has within `seconds`.
    func stop(within seconds: Double) throws -> Bool {
        let group = group
        Task { await group.triggerGracefulShutdown() }
        guard ended.wait(timeout: .now() + seconds) == .success else { return false }
        // A second call finds it ended.
        ended.signal()
        if let error = failure.error.withLock({ $0 }) { throw error }
        return true
    }

    /// Starts a gateway, runs `body` against it and stops it.
    static func run(
        _ server: GatewayConfiguration.Server = .init(host: "127.0.0.1", port: 0),
        _ body: @escaping @Sendable (inout Bench) throws -> Void
    ) async throws {
        try await onThread {
            var bench = try start(server)
            let result = Result { try body(&bench) }
            #expect(try bench.stop(within: Connection.patienceSeconds))
            try result.get()
        }
    }

    // MARK: What the bus brings

    mutating func publish(_ payload: ProtoEnvelope.OneOf_Payload, on topic: Topic) throws {
        var published = topics[topic] ?? PublishedTopic(topic)
        #expect(try publisher.publish(payload, on: &published))
        topics[topic] = published
    }

    /// Publishes a signal as a detector does. `padding` makes it that many bytes larger.
    mutating func publish(
        _ number: Int, symbol: String = "BTCUSDT", venue: String = "binance", type: String = "drift",
        score: Double = 0.75, padding: Int = 0
    ) throws {
        var signal = Self.signal(number, symbol: symbol, type: type, score: score, padding: padding)
        signal.venue = venue
        try publish(.signal(signal), on: .signal(venue: venue, symbol: symbol, type: type))
    }

    static func id(_ number: Int, symbol: String = "BTCUSDT", type: String = "drift") -> String {
        let digits = String(1_700_000_000_000_000_000 + number * 1_000_000_000, radix: 16)
        return String(repeating: "0", count: 16 - digits.count) + "\(digits)-\(symbol)-\(type)"
    }

    /// Signal `number` is detected that many seconds after 1700000000.
    static func signal(_ number: Int, symbol: String, type: String, score: Double, padding: Int) -> ProtoSignal {
        var signal = ProtoSignal()
        signal.id = id(number, symbol: symbol, type: type)
        signal.venue = "binance"
        signal.symbol = symbol
        signal.type = type
        signal.metric = "imbalance_5"
        signal.direction = .up
        signal.score = score
        signal.threshold = 0.5
        signal.detectedTimeNs = 1_700_000_000_000_000_000 + Int64(number) * 1_000_000_000
        signal.onsetTimeNs = signal.detectedTimeNs - 2_000_000_000
        signal.validity = .valid
        var part = ProtoEvidence()
        part.detector = "cusum"
        part.metric = "imbalance_5"
        part.statistic = 4.5
        part.threshold = 3
        part.share = score
        signal.evidence = [part]
        // A name's length has a limit, so that the padding is spread over parts.
        part.detector += String(repeating: "x", count: 200)
        signal.evidence += Array(repeating: part, count: (padding + 199) / 200)
        return signal
    }

    /// Waits until the gateway holds signal `number`.
    func holds(_ number: Int, symbol: String = "BTCUSDT", type: String = "drift") throws -> Bool {
        let path = "/api/v1/signals/" + Self.id(number, symbol: symbol, type: type)
        return try eventually { try ask(port, "GET", path).status == 200 }
    }

    // MARK: What the alerter gets

    /// The next alert: its topic and its signal.
    func nextAlert() throws -> (topic: String, signal: ProtoSignal)? {
        var poller = Poller(capacity: 1)
        _ = try poller.add(alerter)
        guard case .ready = try poller.wait(timeoutMilliseconds: Int(Connection.patienceSeconds * 1000)) else {
            return nil
        }
        var message = Message(maximumFrames: 2)
        guard try alerter.tryReceive(into: &message) == .received, message.frameCount == 2 else { return nil }
        guard case .signal(let signal) = try EnvelopeCodec.decode(message.frame(1)).payload else { return nil }
        return (message.text(0), signal)
    }
}
