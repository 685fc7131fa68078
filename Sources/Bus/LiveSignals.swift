import Runtime
import Logging
import Metrics
import Wire
import ZeroMQ

/// Live signals: subscribed from detectors' signal topics, or pushed by detectors. Lives on one thread.
struct LiveSignals: ~Copyable {
    private var topics: Subscriber?
    private var pushed: PushedSignals?
    /// Signals received.
    private(set) var count: UInt64 = 0
    private var refusals: RefusalLog

    init(_ source: SignalFeed.Source, in context: Context, logger: Logger) throws {
        refusals = RefusalLog("message refused where a signal is expected", logger: logger)
        switch source {
        case .subscribe(let endpoints):
            topics = try Subscriber(
                EndpointDirectory(endpoints, logger: logger), topics: [Topic.prefix(.signal)], in: context,
                logger: logger)
            pushed = nil
        case .pull(let endpoints):
            topics = nil
            pushed = try PushedSignals(endpoints, in: context, logger: logger)
        }
    }

    mutating func register(in poller: inout Poller) throws(ZMQError) {
        try topics?.register(in: &poller)
        try pushed?.register(in: &poller)
    }

    /// The next signal already received; messages of other kinds are counted and skipped.
    mutating func next() throws(ZMQError) -> ProtoSignal? {
        while true {
            if let signal = try pushed?.next() {
                count += 1
                return signal
            }
            guard try topics?.next(timeoutMilliseconds: 0) != nil else { return nil }
            guard case .other(.signal(let signal))? = topics?.reader.content else {
                refusals.refuse("not_a_signal")
                continue
            }
            count += 1
            return signal
        }
    }
}

/// The alerter's end of the detectors' push sockets.
private struct PushedSignals: ~Copyable {
    private let socket: Socket
    private var refusals: RefusalLog
    private var message = Message(maximumFrames: 2)
    private let received = Counter(label: MetricName.alertsReceived)

    init(_ endpoints: [Endpoint], in context: Context, logger: Logger) throws {
        var options = SocketOptions()
        options.receiveHighWaterMark = AlertPusher.highWaterMark
        options.maximumMessageBytes = EnvelopeCodec.byteLimit
        let socket = try Socket(.pull, in: context, options: options)
        for endpoint in endpoints {
            guard case .plain(let address) = endpoint else {
                throw ConfigurationError(setting: "\(endpoint)", problem: "cannot be bound; use tcp:// or ipc://")
            }
            try socket.bind(address)
        }
        self.socket = socket
        refusals = RefusalLog("alert message refused", logger: logger)
    }

    func register(in poller: inout Poller) throws(ZMQError) { _ = try poller.add(socket) }

    mutating func next() throws(ZMQError) -> ProtoSignal? {
        while true {
            switch try socket.tryReceive(into: &message) {
            case .wouldBlock, .shutdown: return nil
            case .overlong: refusals.refuse("too_many_frames")
            case .received:
                guard message.frameCount == 2 else {
                    refusals.refuse("frame_count")
                    continue
                }
                do throws(WireError) {
                    let envelope = try EnvelopeCodec.decode(message.frame(1))
                    guard case .signal(let signal) = envelope.payload else {
                        refusals.refuse("not_a_signal")
                        continue
                    }
                    received.increment()
                    return signal
                } catch {
                    refusals.refuse(error)
                }
            }
        }
    }
}
