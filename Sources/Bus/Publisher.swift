import Runtime
import Metrics
import Wire
import ZeroMQ

/// A topic that this process publishes, with its place in the topic's sequence.
package struct PublishedTopic {
    package let topic: Topic
    fileprivate var sequence: UInt64 = 0
    fileprivate let sent, dropped: Counter

    package init(_ topic: Topic) {
        self.topic = topic
        let meters = TopicMeters(topic)
        sent = meters.counter(MetricName.busSent)
        dropped = meters.counter(MetricName.busDropped)
    }
}

/// Publishes envelopes. Every message takes the next sequence of its topic, sent or not, so that a consumer can count
/// its losses exactly. Lives on one thread.
package struct Publisher: ~Copyable {
    /// Messages queued per slow consumer before ZeroMQ drops for it alone; the consumer sees a sequence gap.
    package static let highWaterMark = 100_000

    private let socket: Socket
    private let producer: String
    private let epoch: UInt64
    private var writer: EnvelopeWriter
    private let listeners: Gauge
    private var message = Message()
    /// Subscriptions now open; a consumer with several prefixes counts several times.
    package private(set) var subscriptions = 0

    /// Binds `endpoints` (only plain ones can be bound).
    package init(
        _ endpoints: [Endpoint], in context: Context, producer: String, epoch: UInt64, kind: Topic.Kind
    ) throws {
        var options = SocketOptions()
        options.sendHighWaterMark = Self.highWaterMark
        options.xpubVerboser = true
        options.lingerMilliseconds = 2_000
        options.setHeartbeat()
        let socket = try Socket(.xpub, in: context, options: options)
        for endpoint in endpoints {
            guard case .plain(let address) = endpoint else {
                throw ConfigurationError(setting: "\(endpoint)", problem: "cannot be bound; use tcp:// or ipc://")
            }
            try socket.bind(address)
        }
        self.socket = socket
        self.producer = producer
        self.epoch = epoch
        writer = EnvelopeWriter(producer: producer, epoch: epoch)
        listeners = Gauge(label: MetricName.busSubscriptions, dimensions: [("kind", kind.rawValue)])
    }

    /// Where the socket is bound, with its actual port.
    package var endpoint: String { get throws(ZMQError) { try socket.lastEndpoint } }

    /// Sends `payload` as the topic's next message and returns whether ZeroMQ took it. Never blocks.
    @discardableResult
    package mutating func publish(
        _ payload: ProtoEnvelope.OneOf_Payload, on topic: inout PublishedTopic
    ) throws(ZMQError) -> Bool {
        topic.sequence += 1
        var envelope = ProtoEnvelope()
        envelope.producer = producer
        envelope.epoch = epoch
        envelope.sequence = topic.sequence
        envelope.sentTimeNs = HostClock.now.nanoseconds
        envelope.payload = payload
        let bytes = EnvelopeCodec.encode(envelope)
        return try count(socket.offer(topic: topic.topic.bytes.span.bytes, body: bytes.span.bytes), on: topic)
    }

    /// Same, for the payload that `write` puts into the writer; allocates nothing.
    @discardableResult
    package mutating func publish(
        on topic: inout PublishedTopic, _ write: (inout EnvelopeWriter) -> Void
    ) throws(ZMQError) -> Bool {
        topic.sequence += 1
        writer.sequence = topic.sequence
        writer.sentTime = HostClock.now
        write(&writer)
        let outcome = try writer.withBytes { body throws(ZMQError) in
            try socket.offer(topic: topic.topic.bytes.span.bytes, body: body)
        }
        return count(outcome, on: topic)
    }

    private func count(_ outcome: SendOutcome, on topic: borrowing PublishedTopic) -> Bool {
        switch outcome {
        case .sent:
            topic.sent.increment()
            return true
        case .backPressured, .unreachable, .shutdown:
            topic.dropped.increment()
            return false
        }
    }

    /// Counts new and ended subscriptions. Call it now and then.
    package mutating func countSubscriptions() throws(ZMQError) {
        while try socket.tryReceive(into: &message) == .received {
            switch message.frame(0).first {
            case 1: subscriptions += 1
            case 0: subscriptions = max(0, subscriptions - 1)
            default: break
            }
        }
        listeners.record(subscriptions)
    }
}
