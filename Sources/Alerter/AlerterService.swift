import Runtime
import Logging
import ServiceLifecycle
import Storage
import Transport

/// The alerter's parts as one service: the thread that receives signals, and one task per channel. The thread ends
/// first; the channels end once nothing more is due, or when their drain time is over.
struct AlerterService: Service {
    private let configuration: AlerterConfiguration
    private let runtime: ServiceRuntime
    private let outbox: Outbox
    private let silences: SilenceBoard
    private let deliveries: [AlertDelivery]

    init(_ configuration: AlerterConfiguration, _ runtime: ServiceRuntime, http: HTTPClient) throws {
        self.configuration = configuration
        self.runtime = runtime
        let now = HostClock.now.nanoseconds
        let outbox = try Outbox(path: configuration.outboxPath, at: now)
        self.outbox = outbox
        let chat = try configuration.telegram.map { try TelegramChat($0.chat, keptIn: outbox, logger: runtime.logger) }
        let sinks = configuration.sinks(http, telegramChat: chat)
        silences = try SilenceBoard(outbox, at: Double(now) / 1e9)
        deliveries = sinks.map {
            AlertDelivery(
                $0, outbox: outbox, settings: .init(giveUpSeconds: configuration.giveUpSeconds), logger: runtime.logger,
                health: runtime.health)
        }
        AlerterPages(outbox: outbox, silences: silences, channels: sinks.map(\.name)).add(to: runtime.pages)
    }

    func run() async throws {
        let stage = StageThread("alerter") { stop in
            try AlerterStage.run(configuration, runtime, outbox, silences, deliveries, until: stop)
        }
        try await withThrowingTaskGroup(of: Void.self) { group in
            for delivery in deliveries { group.addTask { await delivery.run() } }
            group.addTask { try await stage.run() }
            try await group.waitForAll()
        }
    }
}

extension TelegramChat {
    /// The chat with what the outbox knows of it: a new id is kept under the configured one, so that another chat in the
    /// settings starts anew.
    convenience init(_ configured: String, keptIn outbox: Outbox, logger: Logger) throws(StorageError) {
        let name = "moved " + configured
        self.init(configured, moved: try outbox.note(name, on: "telegram")) { id in
            do throws(StorageError) {
                try outbox.keep(id, as: name, on: "telegram")
            } catch {
                logger.error(
                    "the group's new id is not stored: a restart asks for it again", metadata: ["error": "\(error)"])
            }
        }
    }
}
