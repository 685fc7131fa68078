import ZeroMQ
import Bus
import Runtime
import Storage
import ArgumentParser
import Foundation
import ServiceLifecycle

/// Settings of an `api-gateway` process.
package struct GatewayConfiguration: Sendable {
    var server: Server
    /// Endpoints of the `ingest`, `features` and `detector` processes; an empty list subscribes to none of that kind.
    package var ticks: [Endpoint]
    package var features: [Endpoint]
    package var signals: [Endpoint]
    /// Endpoints of the detectors' logs, which replay missed signals and take posted ones. If empty, the gateway
    /// receives only live signals and does not forward posted signals.
    package var replay: [Endpoint]
    /// Keys that encrypt the bus; `nil` means plain text.
    package var security: CurveSecurity?
    package var storePath: String
    var retention: SQLiteSignalRepository.Retention
    /// The alerter's metrics address, which serves alerts and silences.
    package var alerterURL: String?
}

/// `api-gateway`: serves signals over HTTP, by query and as a live stream.
package struct GatewayCommand: ServiceCommand {
    package static let configuration = CommandConfiguration(
        commandName: "api-gateway",
        abstract: "Serves signals over HTTP: queries, a live stream, posting, health and metrics.",
        discussion: """
            Settings may also come from the environment (GATEWAY_PORT, GATEWAY_CONNECT_SIGNALS, …) or from the \
            section "gateway" of --config. Keys come from GATEWAY_API_KEYS, or from the file that GATEWAY_API_KEYS_FILE \
            names: one name:scope:key a line, where the scope is read, write or read+write. /health, /ready and /metrics are \
            answered on the main port too.
            """,
        version: Version.current)
    package static let scope = "gateway"
    package static let defaultMetricsPort = 9105

    @OptionGroup package var common: CommonOptions
    @Option(help: "Address to serve HTTP on (default: 127.0.0.1).") var host: String?
    @Option(help: "Port to serve HTTP on; 0 picks a free one (default: 8000).") var port: String?
    @Option(help: "PEM file of the certificate chain: serves HTTPS instead of HTTP.") var tlsCertificate: String?
    @Option(help: "PEM file of the certificate's private key.") var tlsKey: String?
    @Option(help: "Origins whose web pages may use the service, e.g. https://example.org, or * (default: none).")
    var corsOrigins: String?
    @Option(help: "Requests a second of each key, or of each address where there are no keys; 0 for any (default: 0).")
    var rateLimit: String?
    @Option(help: "Most open connections (default: 16384, or as many as the process may have descriptors for).")
    var maxConnections: String?
    @Option(help: "ZeroMQ endpoints of the ingest processes, or none (default: tcp://127.0.0.1:5555).")
    var connectTicks: String?
    @Option(help: "ZeroMQ endpoints of the features processes, or none (default: tcp://127.0.0.1:5556).")
    var connectFeatures: String?
    @Option(help: "ZeroMQ endpoints of the detectors, or none (default: tcp://127.0.0.1:5557).")
    var connectSignals: String?
    @Option(help: "ZeroMQ endpoints of the detectors' logs, or none (default: tcp://127.0.0.1:5559).")
    var connectReplay: String?
    @Option(help: "Address of the alerter's metrics port, for alerts and silences (default: http://127.0.0.1:9104).")
    var alerterUrl: String?
    @Option(help: "Folder of the signal store (default: $STATE_DIRECTORY, else ~/.local/state/microstructure).")
    var stateDir: String?
    @Option(help: "Days that the store keeps a signal (default: 30).") var retentionDays: String?
    @Option(help: "Most signals that the store keeps (default: 1000000).") var retentionSignals: String?

    package init() {}

    package func decode(_ settings: inout Settings) throws(ConfigurationError) -> GatewayConfiguration {
        let folder = try settings.string("stateDir", stateDir, default: StateFolder.standard())
        let alerter = try settings.string("alerterUrl", alerterUrl, default: "http://127.0.0.1:9104")
        let address = URL(string: alerter)
        guard alerter == "none" || (["http", "https"].contains(address?.scheme) && address?.host != nil) else {
            throw ConfigurationError(
                setting: "--alerter-url", problem: "'\(alerter)' needs to be http:// or https:// with a host, or none")
        }
        return GatewayConfiguration(
            server: try server(&settings),
            ticks: try endpoints("connectTicks", connectTicks, "tcp://127.0.0.1:5555", "--connect-ticks", &settings),
            features: try endpoints(
                "connectFeatures", connectFeatures, "tcp://127.0.0.1:5556", "--connect-features", &settings),
            signals: try endpoints(
                "connectSignals", connectSignals, "tcp://127.0.0.1:5557", "--connect-signals", &settings),
            replay: try endpoints(
                "connectReplay", connectReplay, "tcp://127.0.0.1:5559", "--connect-replay", &settings),
            security: try BusSecurity.decode(&settings), storePath: folder + "/gateway.sqlite",
            retention: .init(
                days: try settings.number("retentionDays", retentionDays, default: 30, in: 0.01...36_500),
                signals: try settings.integer(
                    "retentionSignals", retentionSignals, default: 1_000_000, in: 1...1_000_000_000)),
            alerterURL: alerter == "none" ? nil : alerter.hasSuffix("/") ? String(alerter.dropLast()) : alerter)
    }

    package func services(_ configuration: GatewayConfiguration, _ runtime: ServiceRuntime) throws -> [any Service] {
        try gatewayServices(configuration, runtime)
    }

    private func server(_ settings: inout Settings) throws(ConfigurationError) -> GatewayConfiguration.Server {
        let certificate = try settings.optionalString("tlsCertificate", tlsCertificate)
        let key = try settings.optionalString("tlsKey", tlsKey)
        let origins = try settings.list("corsOrigins", corsOrigins, default: [])
        for origin in origins where origin != "*" {
            let url = URL(string: origin)
            guard ["http", "https"].contains(url?.scheme), url?.host != nil, url?.path.isEmpty == true else {
                throw ConfigurationError(
                    setting: "--cors-origins",
                    problem: "'\(origin)' is no origin; write it like https://example.org, or *")
            }
        }
        let rate = try settings.integer("rateLimit", rateLimit, default: 0, in: 0...1_000_000)
        return GatewayConfiguration.Server(
            host: try settings.string("host", host, default: "127.0.0.1"),
            port: try settings.integer("port", port, default: 8000, in: 0...65_535),
            tls: try GatewayConfiguration.tls(certificate: certificate, key: key), origins: Set(origins),
            keys: try apiKeys(&settings),
            requestsPerSecond: rate == 0 ? nil : rate,
            connections: try settings.integer(
                "maxConnections", maxConnections, default: ServerLimits.connections, in: 16...1_000_000))
    }

    private func apiKeys(_ settings: inout Settings) throws(ConfigurationError) -> [APIKey] {
        guard let text = try settings.secret("apiKeys") else { return [] }
        return try APIKey.list(text, setting: "GATEWAY_API_KEYS")
    }

    private func endpoints(
        _ name: String, _ commandLine: String?, _ fallback: String, _ option: String, _ settings: inout Settings
    ) throws(ConfigurationError) -> [Endpoint] {
        let list = try settings.list(name, commandLine, default: [fallback])
        return list == ["none"] ? [] : try Endpoint.list(list, setting: option)
    }
}
