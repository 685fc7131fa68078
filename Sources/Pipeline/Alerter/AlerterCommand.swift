public import ArgumentParser
import Foundation
public import ServiceLifecycle
import Transport

/// What an `alerter` process is told.
public struct AlerterConfiguration: Sendable {
    public var bind: [Endpoint]
    public var hasConsole: Bool
    public var webhookURL: String?
    var webhookSecret: String?
    public var timeoutSeconds: Double
}

/// `alerter`: signals in, messages to people out.
public struct AlerterCommand: ServiceCommand {
    public static let configuration = CommandConfiguration(
        commandName: "alerter",
        abstract: "Delivers signals to the console and to a webhook.",
        discussion: """
            Settings may also come from the environment (ALERTER_WEBHOOK_URL, …) or from the section "alerter" of \
            --config. The webhook's secret is read from ALERTER_WEBHOOK_SECRET or the file only.
            """,
        version: Version.current)
    public static let scope = "alerter"
    public static let defaultMetricsPort = 9104

    @OptionGroup public var common: CommonOptions
    @Option(help: "ZeroMQ endpoints to take signals on (default: tcp://127.0.0.1:5558).") var bind: String?
    @Option(help: "true or false: print each signal on standard output (default: true).") var console: String?
    @Option(help: "Address to post each signal to as JSON.") var webhookUrl: String?
    @Option(help: "Seconds that a webhook may take to answer (default: 10).") var timeout: String?

    public init() {}

    public func decode(_ settings: inout Settings) throws(ConfigurationError) -> AlerterConfiguration {
        let url = try settings.secret("webhookUrl", webhookUrl)
        if let url {
            guard let parsed = URL(string: url), ["http", "https"].contains(parsed.scheme), parsed.host != nil else {
                // The address itself may be a secret, so it is not repeated.
                throw ConfigurationError(
                    setting: "--webhook-url", problem: "needs to be http:// or https:// with a host")
            }
        }
        return AlerterConfiguration(
            bind: try Endpoint.list(
                settings.list("bind", bind, default: ["tcp://127.0.0.1:5558"]), setting: "--bind", use: .bind),
            hasConsole: try settings.string("console", console, default: "true", allowed: ["true", "false"]) == "true",
            webhookURL: url, webhookSecret: try settings.secret("webhookSecret"),
            timeoutSeconds: try settings.number("timeout", timeout, default: 10, in: 0.1...300))
    }

    public func services(_ configuration: AlerterConfiguration, _ runtime: ServiceRuntime) throws -> [any Service] {
        var sinks: [any AlertSink] = []
        if configuration.hasConsole { sinks.append(ConsoleSink()) }
        if let url = configuration.webhookURL {
            sinks.append(
                WebhookSink(
                    url: url, secret: configuration.webhookSecret, timeoutSeconds: configuration.timeoutSeconds,
                    http: try HTTPClient()))
        }
        return [AlerterService(configuration, runtime, sinks: sinks)]
    }
}
