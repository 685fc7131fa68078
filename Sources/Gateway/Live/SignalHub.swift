import Runtime
import Metrics
import NIOCore
import ServiceLifecycle
import Synchronization
import Wire

/// One event of a live stream.
struct StreamEvent: Sendable {
    /// The signal's position; `nil` for a heartbeat.
    let position: UInt64?
    /// The signal's market; `nil` for what every stream gets.
    let market: (symbol: String, venue: String)?
    /// The event as sent. All streams share one buffer.
    let bytes: ByteBuffer

    static let heartbeat = StreamEvent(position: nil, bytes: ByteBuffer(string: ": heartbeat\n\n"))
    /// Sent to a client whose last event is no longer held: signals may be missing before the next.
    static let gap = StreamEvent(
        position: nil, bytes: ByteBuffer(string: "event: gap\ndata: {\"reason\":\"last event id not held\"}\n\n"))

    init(position: UInt64?, market: (symbol: String, venue: String)? = nil, bytes: ByteBuffer) {
        self.position = position
        self.market = market
        self.bytes = bytes
    }

    /// - Parameter document: what `signal` holds, if known: the event then goes to the streams of its market only.
    init(_ signal: StoredSignal, of document: SignalDocument? = nil) {
        var bytes = ByteBuffer()
        bytes.reserveCapacity(signal.json.readableBytes + signal.id.utf8.count + 32)
        bytes.writeString("id: \(signal.id)\nevent: signal\ndata: ")
        bytes.writeImmutableBuffer(signal.json)
        bytes.writeStaticString("\n\n")
        let market = document.map { (symbol: $0.symbol, venue: $0.venue ?? PostedSignal.venue) }
        self.init(position: signal.position, market: market, bytes: bytes)
    }
}

/// Sends signals to the live streams. A stream whose client falls behind is dropped, so that nobody waits for it.
final class SignalHub: Sendable {
    /// Most streams open at a time; further ones are refused.
    static let streamLimit = 1_000
    /// Most events waiting for one client; a client with more is dropped and counted.
    static let queueLimit = 1_000

    private struct Stream {
        let events: AsyncStream<StreamEvent>.Continuation
        let filter: MarketFilter
        let onDrop: @Sendable () -> Void
    }

    private struct State {
        var streams: [UInt64: Stream] = [:]
        var nextID: UInt64 = 0
    }

    private let state = Mutex(State())
    private let clients = Gauge(label: MetricName.streamClients)
    private let dropped = Counter(label: MetricName.streamDropped)

    init() {
        clients.record(0)
        // The counter must exist before its first increment, so that alerts can use it.
        dropped.increment(by: 0)
    }

    /// Opens a stream of the markets' signals from now on; `nil` at the limit. It closes when the subscription is deallocated.
    /// - Parameter onDrop: called on any thread when the client is too slow.
    func subscribe(
        to filter: MarketFilter = MarketFilter(), onDrop: @escaping @Sendable () -> Void
    ) -> StreamSubscription? {
        let (events, continuation) = AsyncStream<StreamEvent>.makeStream(
            bufferingPolicy: .bufferingOldest(Self.queueLimit))
        return state.withLock { state in
            guard state.streams.count < Self.streamLimit else { return nil }
            state.nextID += 1
            state.streams[state.nextID] = Stream(events: continuation, filter: filter, onDrop: onDrop)
            clients.record(state.streams.count)
            return StreamSubscription(id: state.nextID, events: events, continuation: continuation, hub: self)
        }
    }

    func broadcast(_ signal: StoredSignal, of document: SignalDocument) {
        broadcast(StreamEvent(signal, of: document))
    }

    /// O(streams). Never waits.
    func broadcast(_ event: StreamEvent) {
        let slow = state.withLock { state in
            var slow: [Stream] = []
            for (id, stream) in state.streams {
                if let market = event.market,
                    !stream.filter.matches(symbol: market.symbol, venue: market.venue)
                {
                    continue
                }
                if case .dropped = stream.events.yield(event) {
                    slow.append(stream)
                    state.streams[id] = nil
                }
            }
            if !slow.isEmpty { clients.record(state.streams.count) }
            return slow
        }
        for stream in slow {
            dropped.increment()
            stream.events.finish()
            stream.onDrop()
        }
    }

    var streamCount: Int { state.withLock { $0.streams.count } }

    fileprivate func remove(_ id: UInt64) {
        state.withLock { state in
            if state.streams.removeValue(forKey: id) != nil { clients.record(state.streams.count) }
        }
    }
}

/// One client's slot in the hub, freed on deallocation.
final class StreamSubscription: Sendable {
    /// Ends after `finish`, once the queued events have been read.
    let events: AsyncStream<StreamEvent>
    private let id: UInt64
    private let continuation: AsyncStream<StreamEvent>.Continuation
    private let hub: SignalHub

    fileprivate init(
        id: UInt64, events: AsyncStream<StreamEvent>, continuation: AsyncStream<StreamEvent>.Continuation,
        hub: SignalHub
    ) {
        self.id = id
        self.events = events
        self.continuation = continuation
        self.hub = hub
    }

    deinit { hub.remove(id) }

    func finish() { continuation.finish() }
}

/// Writes a comment to every live stream at intervals, so that proxies keep quiet streams open and vanished clients are
/// noticed.
struct StreamHeartbeat: Service {
    static let intervalSeconds = 15

    let hub: SignalHub
    var interval: Duration = .seconds(StreamHeartbeat.intervalSeconds)

    func run() async throws {
        try? await cancelWhenGracefulShutdown {
            while true {
                try await Task.sleep(for: interval)
                hub.broadcast(.heartbeat)
            }
        }
    }
}
