public import ArgumentParser
public import Pipeline
public import ServiceLifecycle

/// What an `api-gateway` process is told.
public struct GatewayConfiguration: Sendable {
    /// Where HTTP is served; port 0 picks a free one, which the log states.
    public var host: String
    public var port: Int
    /// The `ingest`, `features` and `detector` processes to listen to; empty listens to none of the kind.
    public var ticks: [Endpoint]
    public var features: [Endpoint]
    public var signals: [Endpoint]
    /// Where posted signals are pushed for alerting; empty pushes none.
    public var alerts: [Endpoint]
}

/// `api-gateway`: signals over HTTP, as answers to queries and as a live stream.
public struct GatewayCommand: ServiceCommand {
    public static let configuration = CommandConfiguration(
        commandName: "api-gateway",
        abstract: "Serves signals over HTTP: queries, a live stream, posting, health and metrics.",
        discussion: """
            Settings may also come from the environment (GATEWAY_PORT, GATEWAY_CONNECT_SIGNALS, …) or from the \
            section "gateway" of --config. /health, /ready and /metrics are answered on the main port too.
            """,
        version: Version.current)
    public static let scope = "gateway"
    public static let defaultMetricsPort = 9105

    @OptionGroup public var common: CommonOptions
    @Option(help: "Address to serve HTTP on (default: 127.0.0.1).") var host: String?
    @Option(help: "Port to serve HTTP on; 0 picks a free one (default: 8000).") var port: String?
    @Option(help: "ZeroMQ endpoints of the ingest processes, or none (default: tcp://127.0.0.1:5555).")
    var connectTicks: String?
    @Option(help: "ZeroMQ endpoints of the features processes, or none (default: tcp://127.0.0.1:5556).")
    var connectFeatures: String?
    @Option(help: "ZeroMQ endpoints of the detectors, or none (default: tcp://127.0.0.1:5557).")
    var connectSignals: String?
    @Option(help: "ZeroMQ endpoints of the alerters for posted signals, or none (default: tcp://127.0.0.1:5558).")
    var alerts: String?

    public init() {}

    public func decode(_ settings: inout Settings) throws(ConfigurationError) -> GatewayConfiguration {
        GatewayConfiguration(
            host: try settings.string("host", host, default: "127.0.0.1"),
            port: try settings.integer("port", port, default: 8000, in: 0...65_535),
            ticks: try endpoints("connectTicks", connectTicks, "tcp://127.0.0.1:5555", "--connect-ticks", &settings),
            features: try endpoints(
                "connectFeatures", connectFeatures, "tcp://127.0.0.1:5556", "--connect-features", &settings),
            signals: try endpoints(
                "connectSignals", connectSignals, "tcp://127.0.0.1:5557", "--connect-signals", &settings),
            alerts: try endpoints("alerts", alerts, "tcp://127.0.0.1:5558", "--alerts", &settings))
    }

    public func services(_ configuration: GatewayConfiguration, _ runtime: ServiceRuntime) throws -> [any Service] {
        try gatewayServices(configuration, runtime)
    }

    private func endpoints(
        _ name: String, _ commandLine: String?, _ fallback: String, _ option: String, _ settings: inout Settings
    ) throws(ConfigurationError) -> [Endpoint] {
        let list = try settings.list(name, commandLine, default: [fallback])
        return list == ["none"] ? [] : try Endpoint.list(list, setting: option)
    }
}
