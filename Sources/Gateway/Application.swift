import Hummingbird
import Logging
import NIOCore
import Pipeline
import ServiceLifecycle
import Wire
import ZeroMQ

/// The shared parts of one gateway.
struct GatewayParts<Repository: SignalRepository>: Sendable {
    let service: String
    let repository: Repository
    let hub: SignalHub
    let intake: SignalIntake<Repository>
    let health: Health
    let metrics: PrometheusRegistry
    let logger: Logger
}

/// Limits of the HTTP server.
enum ServerLimits {
    /// Open connections; further ones wait in the listen queue until one closes.
    static let connections = 4_096
    /// Bytes of one header field, and of all together; a larger head is answered 400 and the connection closed.
    static let headerFieldBytes = 8 << 10
    static let headerBytes = 32 << 10
    static let headerFields = 100
    /// Seconds after which a connection is closed on which no request, or no further byte of one, has come.
    static let idleSeconds: Int64 = 60
}

/// The HTTP server with all its routes, over any repository.
func buildApplication<Repository: SignalRepository>(
    _ parts: GatewayParts<Repository>, address: BindAddress, onListening: @escaping @Sendable (Int) -> Void
) -> some ApplicationProtocol {
    let system = SystemController(service: parts.service, health: parts.health, metrics: parts.metrics)
    let routes =
        SignalsController(repository: parts.repository, intake: parts.intake).routes
        + SignalStreamController(repository: parts.repository, hub: parts.hub).routes
        + system.routes
    let router = Router(context: GatewayRequestContext.self)
    router.add(middleware: HTTPMetricsMiddleware())
    router.add(middleware: ProblemMiddleware())
    for route in routes + [system.index(of: routes)] { router.add(route) }

    // The server's own notes about starting are said by `onListening`, once.
    var logger = parts.logger
    logger.logLevel = max(logger.logLevel, .notice)
    return Application(
        router: router,
        server: .http1(
            configuration: .init(
                idleTimeout: .seconds(ServerLimits.idleSeconds),
                httpDecoderConfiguration: .init(
                    maxHeaderFieldSize: ServerLimits.headerFieldBytes, maxHeaderListSize: ServerLimits.headerBytes,
                    maxHeaderFieldCount: ServerLimits.headerFields))),
        configuration: ApplicationConfiguration(
            address: address, backlog: 1_024,
            availableConnectionsDelegate: .maximum(ServerLimits.connections, logger: logger)),
        services: [StreamHeartbeat(hub: parts.hub)],
        onServerRunning: { channel in
            guard let port = channel.localAddress?.port else { return }
            parts.logger.info("listening", metadata: ["port": "\(port)"])
            onListening(port)
        },
        logger: logger)
}

/// The gateway could not serve where it was told to.
struct ListenError: Error, CustomStringConvertible {
    let host: String
    let port: Int
    let reason: IOError

    var description: String { "cannot listen on \(host):\(port): \(reason)" }
}

/// The HTTP server as a service whose error says where it was to listen.
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

/// All services of a gateway process, in the order in which they start; they stop in reverse: HTTP first, so that
/// nothing more is posted, then the readers of the bus, and last the store, which takes in what they still brought.
func gatewayServices(
    _ configuration: GatewayConfiguration, _ runtime: ServiceRuntime,
    onListening: @escaping @Sendable (Int) -> Void = { _ in }
) throws -> [any Service] {
    let context = try Context()
    let repository = InMemorySignalRepository()
    let hub = SignalHub()
    let intake = SignalIntake(repository: repository, hub: hub, logger: runtime.logger)
    let store = StageThread("store") { stop in
        try intake.run(
            alerts: configuration.alerts, in: context, epoch: runtime.epoch, health: runtime.health, until: stop)
    }
    let upstreams: [UpstreamReader] = [
        UpstreamReader(.tick, configuration.ticks, mustBeHeard: true),
        UpstreamReader(.feature, configuration.features, mustBeHeard: true),
        UpstreamReader(.signal, configuration.signals, mustBeHeard: false),
    ]
    let readers = upstreams.filter { !$0.endpoints.isEmpty }.map { upstream in
        StageThread(upstream.part) { stop in
            try upstream.run(in: context, runtime, until: stop) { delivery in
                if case .signal(let signal) = delivery.envelope.payload { intake.receive(signal) }
            }
        }
    }
    let parts = GatewayParts(
        service: runtime.name, repository: repository, hub: hub, intake: intake, health: runtime.health,
        metrics: runtime.metrics, logger: runtime.logger)
    let application = buildApplication(
        parts, address: .hostname(configuration.host, port: configuration.port), onListening: onListening)
    let http = HTTPService(host: configuration.host, port: configuration.port, application: application)
    return [store] + readers + [http]
}
