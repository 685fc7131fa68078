import Logging
import Metrics
import Wire
import ZeroMQ

/// Takes signals from the detectors' push sockets and hands each to every sink.
enum AlerterStage {
    static func run(
        _ configuration: AlerterConfiguration, _ runtime: ServiceRuntime, _ deliveries: [AlertDelivery],
        until stop: StopSignal
    ) throws {
        // However this ends, the sinks learn that nothing more will come.
        defer { deliveries.forEach { $0.finish() } }
        let context = try Context()
        var options = SocketOptions()
        options.receiveHighWaterMark = AlertPusher.highWaterMark
        options.maximumMessageBytes = EnvelopeCodec.byteLimit
        let socket = try Socket(.pull, in: context, options: options)
        for endpoint in configuration.bind {
            guard case .plain(let address) = endpoint else {
                throw ConfigurationError(setting: "\(endpoint)", problem: "cannot be bound; use tcp:// or ipc://")
            }
            try socket.bind(address)
        }
        var poller = Poller(capacity: 1)
        _ = try poller.add(socket)
        var message = Message(maximumFrames: 2)
        let received = Counter(label: MetricName.alertsReceived)
        while !stop.isRequested {
            runtime.health.beat("alerter", isReady: true)
            guard case .ready = try poller.wait(timeoutMilliseconds: 100) else { continue }
            try drain(socket, &message, received, runtime.logger, deliveries)
        }
        try drain(socket, &message, received, runtime.logger, deliveries)
    }

    /// Messages taken between two looks at the stop signal.
    private static let roundLimit = 1_000

    /// Takes the messages that are already here, up to the limit of a round.
    private static func drain(
        _ socket: borrowing Socket, _ message: inout Message, _ received: Counter, _ logger: Logger,
        _ deliveries: [AlertDelivery]
    ) throws(ZMQError) {
        for _ in 0..<roundLimit {
            switch try socket.tryReceive(into: &message) {
            case .wouldBlock, .shutdown: return
            case .overlong: refuse("too_many_frames", logger)
            case .received:
                guard message.frameCount == 2 else {
                    refuse("frame_count", logger)
                    continue
                }
                do {
                    let envelope = try EnvelopeCodec.decode(message.frame(1))
                    guard case .signal(let signal) = envelope.payload else { throw WireError.missingPayload }
                    received.increment()
                    let document = SignalDocument(signal)
                    deliveries.forEach { $0.enqueue(document) }
                } catch {
                    refuse((error as? WireError)?.kind ?? "unknown", logger)
                }
            }
        }
    }

    private static func refuse(_ reason: String, _ logger: Logger) {
        Counter(label: MetricName.busRejected, dimensions: [("reason", reason)]).increment()
        logger.warning("alert message refused", metadata: ["reason": "\(reason)"])
    }
}
