import ServiceLifecycle

/// The alerter's parts as one service: the thread that takes signals from the bus, and a worker a sink. The thread ends
/// first; the workers follow once their queues are empty, or when the drain limit cancels them.
struct AlerterService: Service {
    private let configuration: AlerterConfiguration
    private let runtime: ServiceRuntime
    private let deliveries: [AlertDelivery]

    init(_ configuration: AlerterConfiguration, _ runtime: ServiceRuntime, sinks: [any AlertSink]) {
        self.configuration = configuration
        self.runtime = runtime
        deliveries = sinks.map { AlertDelivery($0, logger: runtime.logger) }
    }

    func run() async throws {
        let stage = StageThread("alerter") { stop in
            try AlerterStage.run(configuration, runtime, deliveries, until: stop)
        }
        try await withThrowingTaskGroup(of: Void.self) { group in
            for delivery in deliveries { group.addTask { await delivery.run() } }
            group.addTask { try await stage.run() }
            try await group.waitForAll()
        }
    }
}
