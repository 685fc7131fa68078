import Runtime
import Logging
import Metrics
import Wire
import ZeroMQ

/// Pushes signals to the alerter and never blocks the log: signals that a full queue refuses are counted. A returning
/// alerter sees the sequence gap and requests a replay from the log.
package struct AlertPusher: ~Copyable {
    /// Signals queued while the alerter is away.
    package static let highWaterMark = 10_000

    private let socket: Socket
    private let directory: EndpointDirectory
    private var connected: Set<String>
    private var directoryVersion: Int
    private let producer: String
    private let epoch: UInt64
    private var sequence: UInt64 = 0
    private let logger: Logger
    private let sent = Counter(label: MetricName.busSent, dimensions: [("kind", "alert")])
    private let dropped = Counter(label: MetricName.busDropped, dimensions: [("kind", "alert")])

    /// `nil` where there is no alerter.
    package init?(
        _ endpoints: [Endpoint], in context: Context, producer: String, epoch: UInt64, logger: Logger
    ) throws {
        guard !endpoints.isEmpty else { return nil }
        var options = SocketOptions()
        options.sendHighWaterMark = Self.highWaterMark
        options.lingerMilliseconds = 1_000
        options.setHeartbeat()
        let socket = try Socket(.push, in: context, options: options)
        let directory = EndpointDirectory(endpoints, logger: logger)
        var (connected, version) = (Set<String>(), -1)
        try directory.update(socket, connected: &connected, seen: &version)
        self.socket = socket
        self.directory = directory
        self.connected = connected
        directoryVersion = version
        self.producer = producer
        self.epoch = epoch
        self.logger = logger
    }

    package mutating func push(_ signal: ProtoSignal, topic: Topic) throws(ZMQError) {
        try directory.update(socket, connected: &connected, seen: &directoryVersion)
        var envelope = ProtoEnvelope()
        envelope.producer = producer
        envelope.epoch = epoch
        sequence += 1
        envelope.sequence = sequence
        envelope.sentTimeNs = HostClock.now.nanoseconds
        envelope.signal = signal
        let bytes = EnvelopeCodec.encode(envelope)
        if case .sent = try socket.offer(topic: topic.bytes.span.bytes, body: bytes.span.bytes) {
            sent.increment()
        } else {
            dropped.increment()
            logger.debug("alert not pushed: no alerter takes it now", metadata: ["id": "\(signal.id)"])
        }
    }
}
