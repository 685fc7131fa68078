import Bus
import Runtime
import Foundation
import Metrics
import Microstructure
import Wire
import ZeroMQ

/// Publishes recorded envelopes as they are, but for their sent time. Lives on one thread.
///
/// Unlike live producers it waits for slow subscribers, so that they lose no messages: a replay has time. After
/// `stallSeconds` without progress a subscriber is stuck; the message is counted as dropped, and the replay goes on.
struct TapePublisher: ~Copyable {
    static let stallSeconds = 10.0

    private let socket: Socket
    private var message = Message()
    private let sent = Counter(label: MetricName.busSent, dimensions: [("kind", "tape")])
    private let dropped = Counter(label: MetricName.busDropped, dimensions: [("kind", "tape")])
    private(set) var sentCount = 0
    private(set) var droppedCount = 0
    /// Subscriptions now open; a consumer with several prefixes counts several times.
    private(set) var subscriptions = 0

    init(_ endpoints: [Endpoint], in context: Context) throws {
        var options = SocketOptions()
        options.sendHighWaterMark = Publisher.highWaterMark
        options.xpubVerboser = true
        options.xpubNoDrop = true
        options.lingerMilliseconds = Int(Self.stallSeconds * 1_000)
        options.setHeartbeat()
        let socket = try Socket(.xpub, in: context, options: options)
        for endpoint in endpoints { try socket.bind(endpoint.description) }
        self.socket = socket
    }

    var endpoint: String { get throws(ZMQError) { try socket.lastEndpoint } }

    /// Publishes an envelope with the present as its sent time. Returns `false` once the user asked to stop.
    mutating func publish(_ envelope: ProtoEnvelope, topic: [UInt8]) throws(ZMQError) -> Bool {
        var envelope = envelope
        envelope.sentTimeNs = HostClock.now.nanoseconds
        let bytes = EnvelopeCodec.encode(envelope)
        let end = HostClock.monotonicNanoseconds + Int64(Self.stallSeconds * 1e9)
        while try socket.offer(topic: topic.span.bytes, body: bytes.span.bytes) != .sent {
            if Interrupt.isRequested { return false }
            guard HostClock.monotonicNanoseconds < end else {
                dropped.increment()
                droppedCount += 1
                return true
            }
            usleep(500)
            try countSubscriptions()
        }
        sent.increment()
        sentCount += 1
        return true
    }

    mutating func countSubscriptions() throws(ZMQError) {
        while try socket.tryReceive(into: &message) == .received {
            switch message.frame(0).first {
            case 1: subscriptions += 1
            case 0: subscriptions = max(0, subscriptions - 1)
            default: break
            }
        }
    }
}
