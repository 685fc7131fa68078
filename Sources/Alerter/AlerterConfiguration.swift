import ZeroMQ
import Bus
import Runtime
import Storage
import ArgumentParser
import Foundation
import Transport

/// Settings of an `alerter` process.
package struct AlerterConfiguration: Sendable {
    package var bind: [Endpoint]
    /// Replay endpoints of the detectors' logs; empty takes only pushed signals.
    package var replay: [Endpoint]
    package var outboxPath: String
    package var hasConsole: Bool
    package var timeoutSeconds: Double
    package var giveUpSeconds: Double
    package var historyDays: Double
    package var catchUpSeconds: Double
    /// Keys that encrypt the bus; `nil` means plain text.
    package var security: CurveSecurity?
    var policy: AlertPolicy
    var links: SignalLinks
    var webhook: (url: String, secret: String?, perSecond: Double)?
    var slackURL: String?
    var discordURL: String?
    var telegram: (base: String, token: String, chat: String, threadID: Int64?)?
    var alertmanagerURL: String?

    /// Every secret of every channel: each channel's texts are blanked of all of them.
    var redaction: Redaction {
        let addresses = [webhook?.url, slackURL, discordURL, alertmanagerURL, telegram?.base].compactMap { $0 }
        return Redaction(
            addresses: addresses + Redaction.proxies(),
            tokens: [webhook?.secret, telegram?.token].compactMap { $0 },
            names: [telegram?.chat].compactMap { $0 })
    }

    /// The configured channels, in order.
    /// - Parameter chat: where Telegram writes to; by default the configured chat.
    func sinks(_ http: HTTPClient, telegramChat: TelegramChat? = nil) -> [any AlertSink] {
        let post = HTTPPost(http, timeoutSeconds: timeoutSeconds, redaction: redaction)
        var sinks: [any AlertSink] = []
        if hasConsole { sinks.append(ConsoleSink()) }
        if let webhook {
            let limits = webhook.perSecond > 0 ? [RateLimit(count: 1, seconds: 1 / webhook.perSecond, burst: 1)] : []
            sinks.append(
                WebhookSink(rateLimits: limits, url: webhook.url, secret: webhook.secret, post: post))
        }
        if let slackURL { sinks.append(SlackSink(url: slackURL, links: links, post: post)) }
        if let discordURL { sinks.append(DiscordSink(url: discordURL, links: links, post: post)) }
        if let telegram {
            sinks.append(
                TelegramSink(
                    base: telegram.base, token: telegram.token,
                    chat: telegramChat ?? TelegramChat(telegram.chat), threadID: telegram.threadID, links: links,
                    post: post))
        }
        if let alertmanagerURL {
            sinks.append(AlertmanagerSink(base: alertmanagerURL, policy: policy, links: links, post: post))
        }
        return sinks
    }

    var channels: [String] {
        [
            (hasConsole, "console"), (webhook != nil, "webhook"), (slackURL != nil, "slack"),
            (discordURL != nil, "discord"), (telegram != nil, "telegram"), (alertmanagerURL != nil, "alertmanager"),
        ].filter(\.0).map(\.1)
    }
}

/// The alerter's settings on the command line.
package struct AlerterOptions: ParsableArguments {
    @Option(help: "ZeroMQ endpoints to take signals on (default: tcp://127.0.0.1:5558).") var bind: String?
    @Option(help: "ZeroMQ endpoints of the detectors' logs, or none (default: tcp://127.0.0.1:5559).")
    var replay: String?
    @Option(help: "Folder of the outbox (default: $STATE_DIRECTORY, else ~/.local/state/microstructure).")
    var stateDir: String?
    @Option(help: "JSON file of routes, inhibitions and quiet hours (default: everything to every channel).")
    var policy: String?
    @Option(help: "true or false: print each signal on standard output (default: true).") var console: String?
    @Option(help: "Address to post each signal to as JSON.") var webhookUrl: String?
    @Option(help: "Most posts a second to the webhook; 0 is no limit (default: 0).") var webhookRate: String?
    @Option(help: "Alertmanager's address, e.g. http://127.0.0.1:9093.") var alertmanagerUrl: String?
    @Option(help: "Telegram's Bot API (default: https://api.telegram.org).") var telegramApiUrl: String?
    @Option(help: "Topic of the Telegram group, its message_thread_id (TELEGRAM_THREAD_ID; default: the general one).")
    var telegramThreadId: String?
    @Option(help: "The gateway's address, for links in messages.") var gatewayUrl: String?
    @Option(help: "Seconds that a channel may take to answer (default: 10).") var timeout: String?
    @Option(help: "Seconds after which an alert that no try delivered is given up (default: 86400).")
    var giveUpAfter: String?
    @Option(help: "Days that the alert history is kept (default: 30).") var historyDays: String?
    @Option(help: "Seconds of the logs' past that a new outbox still alerts (default: 600).") var catchUp: String?

    package init() {}

    func decode(_ settings: inout Settings) throws(ConfigurationError) -> AlerterConfiguration {
        let webhook = try url("webhookUrl", webhookUrl, "--webhook-url", &settings)
        let webhookSecret = try settings.secret("webhookSecret")
        let perSecond = try settings.number("webhookRate", webhookRate, default: 0, in: 0...10_000)
        if webhook == nil {
            try settings.refuse("webhookSecret", because: "there is no webhook; set --webhook-url")
            try settings.refuse("webhookRate", because: "there is no webhook; set --webhook-url")
        }
        let slack = try url("slackWebhookUrl", nil, "SLACK_WEBHOOK_URL", alias: "SLACK_WEBHOOK_URL", &settings)
        let discord = try url("discordWebhookUrl", nil, "DISCORD_WEBHOOK_URL", alias: "DISCORD_WEBHOOK_URL", &settings)
        let token = try settings.secret("telegramBotToken", alias: "TELEGRAM_BOT_TOKEN")
        let chat = try settings.secret("telegramChatId", alias: "TELEGRAM_CHAT_ID")
        guard (token == nil) == (chat == nil) else {
            throw ConfigurationError(
                setting: token == nil ? "TELEGRAM_BOT_TOKEN" : "TELEGRAM_CHAT_ID",
                problem: "is missing: Telegram needs both the bot's token and the chat's id")
        }
        // The token becomes part of a URL.
        if let token, !token.utf8.allSatisfy({ (0x21...0x7E).contains($0) && $0 != 0x2F && $0 != 0x3F && $0 != 0x23 }) {
            throw ConfigurationError(setting: "TELEGRAM_BOT_TOKEN", problem: "is no token, e.g. 123456:ABC-DEF")
        }
        let thread = try settings.secret("telegramThreadId", telegramThreadId, alias: "TELEGRAM_THREAD_ID")
        let threadID = thread.flatMap { Int64($0) }
        guard thread == nil || threadID ?? 0 > 0 else {
            throw ConfigurationError(
                setting: "TELEGRAM_THREAD_ID", problem: "is no topic's id: a whole number from 1, e.g. 42")
        }
        let telegramAPI =
            try base("telegramApiUrl", telegramApiUrl, "--telegram-api-url", &settings) ?? "https://api.telegram.org"
        if token == nil {
            for name in ["telegramApiUrl", "telegramThreadId"] {
                try settings.refuse(
                    name, because: "there is no Telegram channel; set TELEGRAM_BOT_TOKEN and TELEGRAM_CHAT_ID")
            }
        }
        let gatewayURL = try settings.optionalString("gatewayUrl", gatewayUrl).map { text throws(ConfigurationError) in
            try Self.withoutSlash(text, "--gateway-url")
        }
        let replayList = try settings.list("replay", replay, default: ["tcp://127.0.0.1:5559"])
        let folder = try settings.string("stateDir", stateDir, default: StateFolder.standard())
        var configuration = AlerterConfiguration(
            bind: try Endpoint.list(
                settings.list("bind", bind, default: ["tcp://127.0.0.1:5558"]), setting: "--bind", use: .bind),
            replay: replayList == ["none"] ? [] : try Endpoint.list(replayList, setting: "--replay"),
            outboxPath: folder + "/alerts.sqlite",
            hasConsole: try settings.string("console", console, default: "true", allowed: ["true", "false"]) == "true",
            timeoutSeconds: try settings.number("timeout", timeout, default: 10, in: 0.1...300),
            giveUpSeconds: try settings.number("giveUpAfter", giveUpAfter, default: 86_400, in: 1...31_536_000),
            historyDays: try settings.number("historyDays", historyDays, default: 30, in: 0.01...3_650),
            catchUpSeconds: try settings.number("catchUp", catchUp, default: 600, in: 0...31_536_000),
            policy: AlertPolicy(),
            links: SignalLinks(base: gatewayURL),
            webhook: webhook.map { ($0, webhookSecret, perSecond) }, slackURL: slack, discordURL: discord,
            telegram: token.flatMap { token in chat.map { (telegramAPI, token, $0, threadID) } },
            alertmanagerURL: try base("alertmanagerUrl", alertmanagerUrl, "--alertmanager-url", &settings))
        if configuration.replay.isEmpty {
            try settings.refuse("catchUp", because: "without --replay no log's past can be read")
        }
        if let path = try settings.optionalString("policy", policy) {
            configuration.policy = try AlertPolicy(file: path, channels: configuration.channels)
        }
        return configuration
    }

    /// Parses a URL that may itself be a secret: errors do not repeat it.
    private func url(
        _ name: String, _ commandLine: String?, _ setting: String, alias: String? = nil, _ settings: inout Settings
    ) throws(ConfigurationError) -> String? {
        guard let text = try settings.secret(name, commandLine, alias: alias) else { return nil }
        guard Self.isAddress(text) else {
            throw ConfigurationError(setting: setting, problem: "needs to be http:// or https:// with a host")
        }
        return text
    }

    /// Parses a service's URL, which may hold a password, and removes a slash at its end.
    private func base(
        _ name: String, _ commandLine: String?, _ setting: String, _ settings: inout Settings
    ) throws(ConfigurationError) -> String? {
        guard let text = try settings.secret(name, commandLine) else { return nil }
        return try Self.withoutSlash(text, setting)
    }

    private static func withoutSlash(_ text: String, _ setting: String) throws(ConfigurationError) -> String {
        var text = text
        while text.hasSuffix("/") { text.removeLast() }
        guard isAddress(text) else {
            throw ConfigurationError(setting: setting, problem: "needs to be http:// or https:// with a host")
        }
        return text
    }

    private static func isAddress(_ text: String) -> Bool {
        guard let parsed = URL(string: text) else { return false }
        return ["http", "https"].contains(parsed.scheme) && parsed.host?.isEmpty == false
    }
}
