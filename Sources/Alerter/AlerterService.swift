import Runtime
import ServiceLifecycle

/// The alerter's parts as one service: the thread that receives signals, and one task per channel. The thread ends
/// first; the channels end once nothing more is due, or when their drain time is over.
struct AlerterService: Service {
    private let configuration: AlerterConfiguration
    private let runtime: ServiceRuntime
    private let outbox: Outbox
    private let silences: SilenceBoard
    private let deliveries: [AlertDelivery]

    init(_ configuration: AlerterConfiguration, _ runtime: ServiceRuntime, sinks: [any AlertSink]) throws {
        self.configuration = configuration
        self.runtime = runtime
        let now = HostClock.now.nanoseconds
        let outbox = try Outbox(path: configuration.outboxPath, at: now)
        self.outbox = outbox
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
