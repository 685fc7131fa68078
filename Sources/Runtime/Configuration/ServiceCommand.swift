import ArgumentParser
import Foundation
import Logging
import ServiceLifecycle
import Transport

/// The version that `--version` and the health page state.
package enum Version {
    package static let current = "0.1.0"
}

/// Options that every process has.
package struct CommonOptions: ParsableArguments {
    @Option(name: .customLong("config"), help: "JSON file of settings, a section a process.")
    package var configFile: String?

    @Option(help: "trace, debug, info, notice, warning, error or critical (default: info).")
    var logLevel: String?

    @Option(help: "text or json (default: text).")
    var logFormat: String?

    @Option(help: "Address for health and metrics (default: 127.0.0.1).")
    var metricsHost: String?

    @Option(help: "Port for /health, /ready and /metrics; 0 picks a free one.")
    var metricsPort: String?

    @Flag(help: "Check the configuration, print it with its sources, and exit.")
    var checkConfig = false

    package init() {}
}

/// `CommonOptions` after layering.
package struct CommonConfiguration: Sendable {
    package let logLevel: Logger.Level
    package let logFormat: LogFormat
    package let metricsHost: String
    package let metricsPort: Int

    package init(_ options: CommonOptions, _ settings: inout Settings, defaultPort: Int) throws(ConfigurationError) {
        let level = try settings.string(
            "logLevel", options.logLevel, default: "info", allowed: Logger.Level.allCases.map(\.rawValue))
        logLevel = Logger.Level(rawValue: level) ?? .info
        let format = try settings.string(
            "logFormat", options.logFormat, default: "text", allowed: LogFormat.allCases.map(\.rawValue))
        logFormat = LogFormat(rawValue: format) ?? .text
        metricsHost = try settings.string("metricsHost", options.metricsHost, default: "127.0.0.1")
        metricsPort = try settings.integer("metricsPort", options.metricsPort, default: defaultPort, in: 0...65_535)
    }
}

/// The runtime environment of a service.
package struct ServiceRuntime: Sendable {
    package let name: String
    package let logger: Logger
    package let health: Health
    package let metrics: PrometheusRegistry
    /// Process start, nanoseconds since 1970: the epoch of all its published messages.
    package let epoch: UInt64
    /// Pages served on the metrics port besides health.
    package let pages: ExtraPages

    package init(
        name: String, logger: Logger, health: Health, metrics: PrometheusRegistry, epoch: UInt64,
        pages: ExtraPages = ExtraPages()
    ) {
        self.name = name
        self.logger = logger
        self.health = health
        self.metrics = metrics
        self.epoch = epoch
        self.pages = pages
    }
}

/// Maximum drain time of a stopping process; remaining tasks are then cancelled, so that it ends within 5 seconds.
let drainLimitSeconds = 4

/// A long-running process: all share settings, logs, health, metrics and an orderly shutdown.
package protocol ServiceCommand: AsyncParsableCommand {
    associatedtype ServiceConfiguration: Sendable
    /// Section in the file and prefix in the environment.
    static var scope: String { get }
    static var defaultMetricsPort: Int { get }
    var common: CommonOptions { get }
    /// Decodes and validates all settings, once.
    func decode(_ settings: inout Settings) throws(ConfigurationError) -> ServiceConfiguration
    /// Builds the services that run until SIGTERM; throws if one cannot start.
    func services(_ configuration: ServiceConfiguration, _ runtime: ServiceRuntime) throws -> [any Service]
    /// Lines that `--check-config` prints besides the settings.
    func explain(_ configuration: ServiceConfiguration) throws(ConfigurationError) -> [String]
}

extension ServiceCommand {
    package func explain(_ configuration: ServiceConfiguration) throws(ConfigurationError) -> [String] { [] }

    package func run() async throws {
        let name = Self.configuration.commandName ?? Self.scope
        let shared: CommonConfiguration
        let own: ServiceConfiguration
        do {
            var settings = try await Settings(scope: Self.scope, file: common.configFile)
            shared = try CommonConfiguration(common, &settings, defaultPort: Self.defaultMetricsPort)
            own = try decode(&settings)
            try settings.checkFile()
            if common.checkConfig {
                for setting in settings.effective {
                    try StandardOutput.show("\(setting.name) = \(setting.value)    (\(setting.source))")
                }
                for line in try explain(own) { try StandardOutput.show(line) }
                return
            }
        } catch let error as ConfigurationError {
            StandardError.say("\(name): \(error)")
            throw ExitCode(78)
        } catch let error as OutputFile.Failure {
            StandardError.say("\(name): \(error)")
            throw ExitCode(74)
        }
        try await launch(name, shared, own)
    }

    /// A closed terminal or a custom of other services must not end the process. Settings, policies and certificates are
    /// read once at the start, so there is nothing to read anew: the log says what to do instead.
    private static func sayHangUps(_ logger: Logger) -> any DispatchSourceSignal {
        signal(SIGHUP, SIG_IGN)
        let source = DispatchSource.makeSignalSource(signal: SIGHUP, queue: .global())
        source.setEventHandler {
            logger.notice("SIGHUP is ignored: settings are read at the start only; restart the process to change them")
        }
        source.resume()
        return source
    }

    private func launch(_ name: String, _ shared: CommonConfiguration, _ own: ServiceConfiguration) async throws {
        let metrics = Observability.bootstrap(
            service: name, level: shared.logLevel, format: shared.logFormat, version: Version.current)
        let logger = Logger(label: name)
        // A disconnecting peer must fail the write, not end the process.
        signal(SIGPIPE, SIG_IGN)
        let hangUps = Self.sayHangUps(logger)
        defer { hangUps.cancel() }
        EventLoop.routeLog { _, line in Logger(label: "libwebsockets").debug("\(line)") }
        do {
            let runtime = ServiceRuntime(
                name: name, logger: logger, health: Health(), metrics: metrics,
                epoch: UInt64(clamping: HostClock.now.nanoseconds))
            let endpoint = try HealthEndpoint(
                host: shared.metricsHost, port: shared.metricsPort, health: runtime.health, metrics: metrics,
                pages: runtime.pages, service: name)
            logger.info(
                "starting",
                metadata: ["version": "\(Version.current)", "metrics": "http://\(shared.metricsHost):\(endpoint.port)"])
            // The health page starts first and stops last, so that a draining process still answers.
            var services = [ServiceGroupConfiguration.ServiceConfiguration(service: endpoint)]
            services += try self.services(own, runtime).map {
                .init(service: $0, successTerminationBehavior: .gracefullyShutdownGroup)
            }
            var group = ServiceGroupConfiguration(
                services: services, gracefulShutdownSignals: [.sigterm, .sigint],
                logger: Logger(label: name) { _ in SwiftLogNoOpLogHandler() })
            group.maximumGracefulShutdownDuration = .seconds(drainLimitSeconds)
            try await ServiceGroup(configuration: group).run()
            logger.info("stopped")
            // Ended tasks may still be releasing resources on other threads. Skip the exit handlers of C libraries,
            // which could free those resources too early.
            fflush(nil)
            _exit(0)
        } catch {
            logger.critical("stopped by an error", metadata: ["error": "\(FileProblem.describe(error))"])
            // A setting may turn out to be wrong only when another system has been asked.
            throw ExitCode(error is ConfigurationError ? 78 : 1)
        }
    }
}
