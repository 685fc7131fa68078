import Runtime
import Wire
import ArgumentParser
import Foundation
import ServiceLifecycle
import Transport

/// `alerter`: signals in, messages to people out.
package struct AlerterCommand: ServiceCommand {
    package static let configuration = CommandConfiguration(
        commandName: "alerter",
        abstract: "Delivers signals to people: console, webhook, Slack, Discord, Telegram, Alertmanager.",
        discussion: """
            A channel is on when its address is set: SLACK_WEBHOOK_URL, DISCORD_WEBHOOK_URL, TELEGRAM_BOT_TOKEN with \
            TELEGRAM_CHAT_ID (and TELEGRAM_THREAD_ID, a topic), --webhook-url, --alertmanager-url; each of the environment also as …_FILE, which names a \
            file that holds it. Settings may also come from the environment (ALERTER_TIMEOUT, …) or from the section \
            "alerter" of --config. The webhook's secret is read from ALERTER_WEBHOOK_SECRET, …_FILE or the file only.
            """,
        version: Version.current, subcommands: [AlerterTestCommand.self, AlerterRetryCommand.self])
    package static let scope = "alerter"
    package static let defaultMetricsPort = 9104

    @OptionGroup package var common: CommonOptions
    @OptionGroup var options: AlerterOptions

    package init() {}

    package func decode(_ settings: inout Settings) throws(ConfigurationError) -> AlerterConfiguration {
        try options.decode(&settings)
    }

    package func services(_ configuration: AlerterConfiguration, _ runtime: ServiceRuntime) throws -> [any Service] {
        [try AlerterService(configuration, runtime, http: HTTPClient())]
    }

    /// How the policy routes an example signal of each severity.
    package func explain(_ configuration: AlerterConfiguration) throws(ConfigurationError) -> [String] {
        let policy = configuration.policy
        let names = configuration.channels.joined(separator: ", ")
        var lines = ["channels: " + (names.isEmpty ? "none" : names)]
        for score in [0.5, policy.warningScore, policy.criticalScore] {
            var engine = PolicyEngine(policy, channels: configuration.channels)
            let example = ExampleSignal.document(score: score)
            let decisions = engine.process(example, at: HostClock.now.nanoseconds).map { decision in
                switch decision.outcome {
                case .deliver(let lane, let readyAt, let hold):
                    let wait = Double(readyAt - HostClock.now.nanoseconds) / 1e9
                    let when = wait > 0.001 ? String(format: "after %.1f s", wait) : "at once"
                    let reason = hold.map { " (\($0))" } ?? ""
                    return
                        "\(decision.channel) \(when)\(reason) by route '\(decision.route)', in order within '\(lane)'"
                case .suppress(.noRoute): return "nowhere: no route takes it"
                case .suppress(let reason):
                    return "not on \(decision.channel): \(reason.rawValue) by route '\(decision.route)'"
                }
            }
            let severity = policy.severity(of: score).rawValue
            lines.append("example \(example.symbol) \(example.signalType) score \(score) (\(severity)):")
            lines += decisions.map { "  → \($0)" }
        }
        return lines
    }
}

/// The example signal that `test` and `--check-config` use.
enum ExampleSignal {
    static func document(score: Double) -> SignalDocument {
        let now = Double(HostClock.now.nanoseconds) / 1e9
        var signal = SignalDocument(
            id: "test-\(UInt64(now * 1e9))", timestamp: now, signalType: "drift", score: score, symbol: "BTCUSDT")
        signal.venue = "binance"
        signal.metric = "imbalance_10"
        signal.direction = "up"
        signal.threshold = 0.5
        signal.onset = now - 2
        return signal
    }
}

extension ParsableCommand {
    /// Reads the alerter's settings for a subcommand; an invalid setting prints one line and exits with code 78.
    func alerterConfiguration(
        _ common: CommonOptions, _ options: AlerterOptions
    ) async throws -> AlerterConfiguration {
        do {
            var settings = try await Settings(scope: AlerterCommand.scope, file: common.configFile)
            _ = try CommonConfiguration(common, &settings, defaultPort: AlerterCommand.defaultMetricsPort)
            let configuration = try options.decode(&settings)
            try settings.checkFile()
            return configuration
        } catch let error as ConfigurationError {
            StandardError.say("alerter: \(error)")
            throw ExitCode(78)
        }
    }
}

/// `alerter test [CHANNEL]`: checks that a message arrives.
package struct AlerterTestCommand: AsyncParsableCommand {
    package static let configuration = CommandConfiguration(
        commandName: "test", abstract: "Sends a test alert on every channel, or on one, and prints the answer.",
        discussion: "Exit code 1 where a channel did not accept it.")

    @OptionGroup var common: CommonOptions
    @OptionGroup var options: AlerterOptions
    @Argument(help: "console, webhook, slack, discord, telegram or alertmanager (default: all that are configured).")
    var channel: String?

    package init() {}

    package func run() async throws {
        let configuration = try await alerterConfiguration(common, options)
        let sinks = configuration.sinks(try HTTPClient()).filter { channel == nil || $0.name == channel }
        guard !sinks.isEmpty else {
            let known = configuration.channels.joined(separator: ", ")
            let problem = channel.map { "channel '\($0)' is not configured" } ?? "no channel is configured"
            StandardError.say("alerter: \(problem); configured are: \(known)")
            throw ExitCode(78)
        }
        var isGood = true
        for sink in sinks {
            let signal = ExampleSignal.document(score: 0.9)
            let start = HostClock.monotonicNanoseconds
            do throws(DeliveryFailure) {
                let answer = try await sink.deliver(
                    AlertMessage(signal, severity: configuration.policy.severity(of: signal.score)))
                let milliseconds = Double(HostClock.monotonicNanoseconds - start) / 1e6
                print("\(sink.name): accepted in \(String(format: "%.0f", milliseconds)) ms (\(answer))")
                if !sink.notice.isEmpty { print("\(sink.name): \(sink.notice)") }
            } catch {
                isGood = false
                let hint =
                    switch error.cause {
                    case .held: "; alerts would be held until that is mended"
                    case .refused: "; the service does not take this message"
                    case .temporary: "; an alert would be tried again"
                    }
                print("\(sink.name): not accepted: \(error)\(hint)")
            }
        }
        guard isGood else { throw ExitCode(1) }
    }
}

/// `alerter retry`: tries given-up alerts again.
package struct AlerterRetryCommand: AsyncParsableCommand {
    package static let configuration = CommandConfiguration(
        commandName: "retry", abstract: "Gives alerts that were given up another try.",
        discussion: "A running alerter takes them up within a second; otherwise the next start does.")

    @OptionGroup var common: CommonOptions
    @OptionGroup var options: AlerterOptions
    @Argument(help: "Only this channel's (default: all).") var channel: String?

    package init() {}

    package func run() async throws {
        let configuration = try await alerterConfiguration(common, options)
        guard FileManager.default.fileExists(atPath: configuration.outboxPath) else {
            let problem = "there is no outbox at \(configuration.outboxPath); give the alerter's --state-dir"
            StandardError.say("alerter: \(problem)")
            throw ExitCode(1)
        }
        do {
            let now = HostClock.now.nanoseconds
            let outbox = try Outbox(path: configuration.outboxPath, at: now, isOwner: false)
            print("\(try outbox.retry(channel: channel, at: now)) alerts will be tried again")
        } catch {
            StandardError.say("alerter: \(error)")
            throw ExitCode(1)
        }
    }
}
