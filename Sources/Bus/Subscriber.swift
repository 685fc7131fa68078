import Runtime
import Logging
import Metrics
import Microstructure
import Wire
import ZeroMQ

/// One message from the bus. Its content is in the subscriber's reader until the next message.
package struct Delivery {
    package let topic: Topic
    /// What the sequence says of it; a duplicate is never delivered.
    package let arrival: SequenceTracker.Arrival
}

/// Subscribes to topics and accounts for every message: received, lost, refused. Lives on one thread.
package struct Subscriber: ~Copyable {
    /// Most distinct topics whose parsed form is remembered.
    static let topicCacheLimit = SequenceTracker.topicLimit

    private let socket: Socket
    private let directory: EndpointDirectory
    private var log: RepeatedLog
    private var connected: Set<String>
    private var directoryVersion: Int
    private var poller: Poller
    private let slot: Poller.Slot
    private var message = Message(maximumFrames: 2)
    /// The content of the last message delivered.
    package private(set) var reader = EnvelopeReader()
    private var topicBytes: [UInt8] = []
    private var tracker = SequenceTracker()
    private var topics: [[UInt8]: FollowedTopic] = [:]
    private var reported = SequenceTracker.Counts()
    private let meters: Meters
    /// Messages refused since the start, all kinds together.
    package private(set) var rejectedCount: UInt64 = 0

    private struct Meters {
        let duplicates, restarts: Counter
        let hop: Timer
    }

    /// A class, since copying a topic would retain each of its references.
    private final class FollowedTopic {
        let topic: Topic
        let received, lost, missed: Counter

        init(_ topic: Topic) {
            self.topic = topic
            let meters = TopicMeters(topic)
            received = meters.counter(MetricName.busReceived)
            lost = meters.counter(MetricName.busLost)
            missed = meters.counter(MetricName.busMissedAtJoin)
        }
    }

    package init(
        _ directory: EndpointDirectory, topics prefixes: [String], in context: Context, logger: Logger
    ) throws {
        var options = SocketOptions()
        options.receiveHighWaterMark = Publisher.highWaterMark
        options.maximumMessageBytes = EnvelopeCodec.byteLimit
        options.reconnectIntervalMilliseconds = 50
        options.maximumReconnectIntervalMilliseconds = 1_000
        options.lingerMilliseconds = 0
        options.setHeartbeat()
        let socket = try Socket(.sub, in: context, options: options)
        for prefix in prefixes { try socket.subscribe(prefix) }
        var (connected, version) = (Set<String>(), -1)
        try directory.update(socket, connected: &connected, seen: &version)
        var poller = Poller(capacity: 1)
        slot = try poller.add(socket)
        self.socket = socket
        self.poller = poller
        self.connected = connected
        directoryVersion = version
        self.directory = directory
        log = RepeatedLog(logger)
        let label = prefixes.map { $0.prefix { $0 != "." } }.joined(separator: "+")
        let dimensions = [("kind", label)]
        meters = Meters(
            duplicates: Counter(label: MetricName.busDuplicates, dimensions: dimensions),
            restarts: Counter(label: MetricName.busRestarts, dimensions: dimensions),
            hop: Timer(label: MetricName.busHop, dimensions: dimensions))
    }

    package var counts: SequenceTracker.Counts { tracker.counts }

    /// The last message delivered, as it came.
    package var body: [UInt8] { message.frame(1) }

    /// The last message delivered, as the generated types have it: for consumers that want a whole payload.
    package func envelope() throws(WireError) -> ProtoEnvelope { try EnvelopeCodec.decode(body) }

    /// The next message, or `nil` when none came for `timeoutMilliseconds`. Refused and duplicate messages are counted
    /// and passed over. Books, quotes, trades and feature vectors are read without an allocation.
    package mutating func next(timeoutMilliseconds: Int) throws(ZMQError) -> Delivery? {
        if let delivery = try nextWaiting() { return delivery }
        try directory.update(socket, connected: &connected, seen: &directoryVersion)
        guard case .ready = try poller.wait(timeoutMilliseconds: timeoutMilliseconds) else { return nil }
        return try nextWaiting()
    }

    /// For callers that also wait for other sockets; then `next(timeoutMilliseconds: 0)` takes queued messages.
    func register(in poller: inout Poller) throws(ZMQError) { _ = try poller.add(socket) }

    /// The next message already received.
    private mutating func nextWaiting() throws(ZMQError) -> Delivery? {
        while true {
            switch try socket.tryReceive(into: &message) {
            case .wouldBlock, .shutdown: return nil
            case .overlong: reject("too_many_frames")
            case .received: if let delivery = delivery() { return delivery }
            }
        }
    }

    private mutating func delivery() -> Delivery? {
        guard let followed = followedTopic() else { return nil }
        do throws(WireError) {
            try Self.read(message, into: &reader)
        } catch {
            reject(error.kind)
            return nil
        }
        return account(for: followed).map { Delivery(topic: followed.topic, arrival: $0) }
    }

    private static func read(_ message: borrowing Message, into reader: inout EnvelopeReader) throws(WireError) {
        try message.withFrame(1) { bytes throws(WireError) in try reader.read(bytes) }
    }

    /// Accounts for the message in `reader`, whose topic is in `topicBytes`; `nil` for a duplicate.
    private mutating func account(for followed: FollowedTopic) -> SequenceTracker.Arrival? {
        let arrival = tracker.process(topic: topicBytes, epoch: reader.epoch, sequence: reader.sequence)
        report(on: followed)
        guard arrival != .duplicate else { return nil }
        switch arrival {
        case .lost(let count):
            log.write(
                "messages lost", kind: "lost \(followed.topic)",
                metadata: ["topic": "\(followed.topic)", "count": "\(count)"])
        case .restarted(let missed):
            log.write(
                "producer restarted", level: .notice, kind: "restarted \(followed.topic)",
                metadata: ["topic": "\(followed.topic)", "producer": "\(reader.producer)", "missed": "\(missed)"])
        case .next, .first, .duplicate: break
        }
        meters.hop.recordNanoseconds(HostClock.now.nanoseconds(since: reader.sentTime))
        return arrival
    }

    /// The message's topic, copied to `topicBytes`; `nil` if it is not a bus message.
    private mutating func followedTopic() -> FollowedTopic? {
        guard message.frameCount == 2 else {
            reject("frame_count")
            return nil
        }
        message.copyFrame(0, into: &topicBytes)
        if let known = topics[topicBytes] { return known }
        guard let topic = Topic(topicBytes) else {
            reject("topic")
            return nil
        }
        let followed = FollowedTopic(topic)
        if topics.count < Self.topicCacheLimit { topics[topicBytes] = followed }
        return followed
    }

    private mutating func reject(_ kind: String) {
        rejectedCount += 1
        Counter(label: MetricName.busRejected, dimensions: [("reason", kind)]).increment()
        log.write("bus message refused", kind: kind, metadata: ["reason": "\(kind)"])
    }

    /// Adds the tracker's counts since the last call to the metrics; they stem from one message of `topic`.
    private mutating func report(on topic: FollowedTopic) {
        let now = tracker.counts
        topic.received.increment(by: Int64(now.received - reported.received))
        if now.lost != reported.lost { topic.lost.increment(by: Int64(clamping: now.lost &- reported.lost)) }
        if now.missedAtJoin != reported.missedAtJoin {
            topic.missed.increment(by: Int64(clamping: now.missedAtJoin &- reported.missedAtJoin))
        }
        if now.duplicates != reported.duplicates {
            meters.duplicates.increment(by: Int64(clamping: now.duplicates &- reported.duplicates))
        }
        if now.restarts != reported.restarts {
            meters.restarts.increment(by: Int64(clamping: now.restarts &- reported.restarts))
        }
        reported = now
    }
}
