import Runtime
import Glibc
import Hummingbird
import Logging
import NIOCore
import ServiceLifecycle
import Transport
import Wire
import ZeroMQ

/// The shared parts of one gateway.
struct GatewayParts<Repository: SignalRepository>: Sendable {
    let service: String
    let repository: Repository
    let hub: SignalHub
    let board: FeedBoard
    let markets: MarketBoard
    let latest: LatestSignals
    let views = LiveViews()
    let intake: SignalIntake<Repository>
    let alerts: AlertsController
    let access: AccessPolicy
    let health: Health
    let metrics: PrometheusRegistry
    let logger: Logger
}

/// Limits of the HTTP server.
enum ServerLimits {
    /// Open connections; further ones wait in the listen queue until one closes.
    static let connections = 16_384
    /// File descriptors reserved for files, the bus and other uses when the process limit restricts connections.
    static let reservedDescriptors = 1_024
    /// Most bytes of one header field, and of all together; a larger head gets a 400 and the connection is closed.
    static let headerFieldBytes = 8 << 10
    static let headerBytes = 32 << 10
    static let headerFields = 100
    /// Bytes that the kernel buffers for a client that does not read; the kernel doubles this for its own overhead.
    static let sendBufferBytes = 256 << 10
    /// Seconds without a request, or without a further byte of one, after which a connection is closed.
    static let idleSeconds: Int64 = 60
    /// Seconds after which a connection with an unfinished TLS handshake is closed.
    static let handshakeSeconds: Int64 = 10
}

/// Builds the HTTP server with all its routes, over any repository.
func buildApplication<Repository: SignalRepository>(
    _ parts: GatewayParts<Repository>, _ server: GatewayConfiguration.Server,
    onListening: @escaping @Sendable (Int) -> Void
) throws -> some ApplicationProtocol {
    let system = SystemController(service: parts.service, health: parts.health, metrics: parts.metrics)
    let dashboard = DashboardController()
    let routes =
        SignalsController(repository: parts.repository, intake: parts.intake, access: parts.access).routes
        + SignalStreamController(repository: parts.repository, hub: parts.hub).routes
        + ExplainController(repository: parts.repository, board: parts.markets).routes
        + StatsController(board: parts.board).routes
        + MarketController(board: parts.markets, feeds: parts.board).routes
        + OverviewController(board: parts.markets, feeds: parts.board, signals: parts.latest).routes
        + MarketStreamController(board: parts.markets, feeds: parts.board, views: parts.views).routes
        + parts.alerts.routes + system.routes
    let meters = HTTPMeters()
    let frequent = FrequentRequestResponder(
        service: parts.service, health: parts.health, repository: parts.repository, intake: parts.intake,
        pages: parts.intake.pages, access: parts.access, meters: meters)
    let router = Router(context: GatewayRequestContext.self)
    router.add(middleware: HTTPMetricsMiddleware(meters: meters))
    router.add(middleware: CrossOriginMiddleware(origins: server.origins))
    router.add(middleware: ProblemMiddleware())
    for route in routes + dashboard.routes + [dashboard.index(orElse: system.index(of: routes))] {
        router.add(route, behind: parts.access)
    }

    // Silences the server's own start messages; `onListening` logs the start once.
    var logger = parts.logger
    logger.logLevel = max(logger.logLevel, .notice)
    return Application(
        router: router,
        server: GatewayChannel.server(frequent, tls: server.tls, parts.logger),
        configuration: ApplicationConfiguration(
            address: .hostname(server.host, port: server.port), backlog: 4_096,
            availableConnectionsDelegate: .maximum(server.connections, logger: logger)),
        services: [StreamHeartbeat(hub: parts.hub)],
        onServerRunning: { channel in
            guard let port = channel.localAddress?.port else { return }
            parts.logger.info("listening", metadata: ["port": "\(port)"])
            onListening(port)
        },
        logger: logger)
}

/// The gateway could not listen on the configured address.
struct ListenError: Error, CustomStringConvertible {
    let host: String
    let port: Int
    let reason: IOError

    var description: String {
        "cannot listen on \(host):\(port): "
            + (reason.errnoCode == EADDRINUSE
                ? "another process has this port; stop that process, or take another port" : "\(reason)")
    }
}

/// The HTTP server as a service whose error names the configured address.
private struct HTTPService<Application: ApplicationProtocol>: Service {
    let host: String
    let port: Int
    let application: Application

    func run() async throws {
        do {
            try await application.run()
        } catch let error as IOError {
            throw ListenError(host: host, port: port, reason: error)
        }
    }
}

/// All services of a gateway process in start order; they stop in reverse: first HTTP, so that nothing more is posted,
/// then the bus readers, and last the store, which takes the readers' final signals.
func gatewayServices(
    _ configuration: GatewayConfiguration, _ runtime: ServiceRuntime,
    onListening: @escaping @Sendable (Int) -> Void = { _ in }
) throws -> [any Service] {
    let context = try Context(security: configuration.security)
    let repository = try SQLiteSignalRepository(
        path: configuration.storePath, retention: configuration.retention, hasLogs: !configuration.replay.isEmpty)
    let hub = SignalHub()
    let board = FeedBoard()
    let posted = try WakeSignal()
    let latest = LatestSignals(try repository.latest(limit: LatestSignals.limit).map { try $0.document })
    let intake = SignalIntake(repository: repository, hub: hub, latest: latest, logger: runtime.logger) {
        posted.wake()
    }
    let store = StageThread("store") { stop in try intake.run(health: runtime.health, until: stop) }
    let markets = MarketBoard()
    let upstreams: [UpstreamReader] = [
        UpstreamReader(.tick, configuration.ticks), UpstreamReader(.feature, configuration.features),
        UpstreamReader(.detector, configuration.signals),
    ]
    var readers = upstreams.filter { !$0.endpoints.isEmpty }.map { upstream in
        StageThread(upstream.part) { stop in
            try upstream.run(in: context, runtime, until: stop) { topic, envelope in
                board.receive(envelope, on: topic)
                markets.receive(envelope, on: topic)
            }
        }
    }
    if !configuration.signals.isEmpty {
        let reader = SignalReader(
            signals: configuration.signals, replay: configuration.replay, repository: repository, intake: intake)
        readers.append(StageThread("signals") { stop in try reader.run(in: context, runtime, until: stop) })
    }
    if !configuration.replay.isEmpty {
        let forwarder = PostForwarder(replay: configuration.replay, repository: repository, wake: posted)
        readers.append(StageThread("posted") { stop in try forwarder.run(in: context, runtime, until: stop) })
    }
    let parts = GatewayParts(
        service: runtime.name, repository: repository, hub: hub, board: board, markets: markets, latest: latest,
        intake: intake,
        alerts: AlertsController(alerter: configuration.alerterURL, http: try HTTPClient(), markets: markets),
        access: AccessPolicy(
            keys: configuration.server.keys, requestsPerSecond: configuration.server.requestsPerSecond),
        health: runtime.health, metrics: runtime.metrics, logger: runtime.logger)
    let server = configuration.server.fitted(runtime.logger)
    let application = try buildApplication(parts, server, onListening: onListening)
    let http = HTTPService(host: server.host, port: server.port, application: application)
    return [store] + readers + [http]
}
