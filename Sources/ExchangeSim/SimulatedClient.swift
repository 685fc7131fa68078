import Runtime
import Foundation
import Simulation
import Transport

/// One WebSocket connection of a simulator: its subscriptions, and the venue's rules for it.
final class SimulatedClient: WebSocketDelegate {
    /// Streams a connection may have.
    static let maxStreams = 1_024
    /// Messages that a client may send in a second.
    static let maxMessagesPerSecond = 5

    enum Endpoint {
        /// `/ws`: the payload alone.
        case raw
        /// `/stream`: `{"stream":…,"data":…}`.
        case combined
    }

    private let endpoint: Endpoint
    /// In the order of subscription, for the list.
    private(set) var streams: [String]
    private let refusal: String?
    private weak let simulator: ExchangeSimulator?
    private var connection: WebSocketConnection?
    /// When the last messages came; no more than the limit a second.
    private var messageTimes: [Int64] = []
    private var lastPing: Int64 = 0
    /// Since when a pong is due.
    private var pongDueSince: Int64?
    /// Its end has been ordered.
    private(set) var isLeaving = false
    /// Its times are microseconds.
    let isInMicroseconds: Bool
    /// On the monotonic clock.
    private(set) var openedAt: Int64 = 0
    /// Half-open: hears nothing and is told nothing.
    private(set) var isSilent = false
    /// Messages still to be dropped, and the one to be sent behind its successor, by stream.
    var drops: [String: Int] = [:]
    var heldBack: [String: MarketFrame] = [:]

    /// - Parameter refusal: why the handshake's request cannot be served: told to the client, which is then closed.
    init(
        _ endpoint: Endpoint, streams: [String], isInMicroseconds: Bool, refusal: String?, simulator: ExchangeSimulator
    ) {
        self.endpoint = endpoint
        self.isInMicroseconds = isInMicroseconds
        self.streams = streams
        self.refusal = refusal
        self.simulator = simulator
    }

    var bufferedBytes: Int { isLeaving ? 0 : connection?.bufferedBytes ?? 0 }

    func didOpen(_ connection: WebSocketConnection) {
        self.connection = connection
        lastPing = HostClock.monotonicNanoseconds
        openedAt = lastPing
        simulator?.opened(self)
        if let refusal {
            send(SubscriptionRequest.answer(SubscriptionRequest.Refusal(code: 2, msg: refusal)))
            leave(code: 1008, reason: refusal)
            return
        }
        for stream in streams { simulator?.follow(stream, self) }
    }

    func didReceive(_ message: Span<UInt8>, kind: MessageKind, on connection: WebSocketConnection) {
        guard !isLeaving else { return }
        let now = HostClock.monotonicNanoseconds
        messageTimes.removeAll { now - $0 >= 1_000_000_000 }
        guard messageTimes.count < Self.maxMessagesPerSecond else {
            simulator?.statistics.clientsTooChatty += 1
            leave(code: 1008, reason: "Too many requests")
            return
        }
        messageTimes.append(now)
        switch SubscriptionRequest.parse(message.withUnsafeBufferPointer { Data($0) }) {
        case .failure(let refusal): send(SubscriptionRequest.answer(refusal))
        case .success(let request): handle(request)
        }
    }

    private func handle(_ request: SubscriptionRequest) {
        switch request.method {
        case .list: send(request.answer(streams))
        case .unsubscribe:
            for stream in request.streams {
                guard let index = streams.firstIndex(of: stream) else { continue }
                streams.remove(at: index)
                simulator?.unfollow(stream, self)
            }
            send(request.answer())
        case .subscribe:
            var added: [String] = []
            for stream in request.streams where !streams.contains(stream) && !added.contains(stream) {
                added.append(stream)
            }
            guard streams.count + added.count <= Self.maxStreams else {
                send(
                    SubscriptionRequest.answer(
                        SubscriptionRequest.Refusal(
                            code: 2, msg: "Invalid request: more than \(Self.maxStreams) streams")))
                return
            }
            send(request.answer())
            for stream in added {
                streams.append(stream)
                simulator?.follow(stream, self)
            }
        }
    }

    func didReceivePong(on connection: WebSocketConnection) { pongDueSince = nil }

    func didClose(_ connection: WebSocketConnection, reason: WebSocketCloseReason) {
        depart()
        simulator?.closed(self)
        self.connection = nil
    }

    /// Hands on a market's frame; a client whose queue is full is cut off, since a stream with a piece missing
    /// would be a lie.
    func send(_ frame: MarketFrame) {
        guard !isLeaving, !isSilent, let connection else { return }
        let outcome =
            switch endpoint {
            case .combined: connection.send(text: frame.bytes.span)
            case .raw: connection.send(text: frame.bytes.span.extracting(frame.payload))
            }
        switch outcome {
        case .queued: simulator?.statistics.messagesSent[frame.kind, default: 0] += 1
        case .full: overflow()
        case .closed: break
        }
    }

    private func send(_ answer: [UInt8]) {
        if connection?.send(text: answer.span) == .full { overflow() }
    }

    private func overflow() {
        simulator?.statistics.clientsTooSlow += 1
        depart()
        connection?.abort()
    }

    /// Pings when it is time; a client whose pong is overdue is cut off.
    func keepAlive(at now: Int64, pingInterval: Int64, pongTimeout: Int64) {
        guard !isLeaving, !isSilent, let connection else { return }
        if let due = pongDueSince, now - due >= pongTimeout {
            simulator?.statistics.clientsMute += 1
            depart()
            connection.abort()
            return
        }
        guard now - lastPing >= pingInterval else { return }
        lastPing = now
        pongDueSince = pongDueSince ?? now
        connection.ping()
    }

    /// `serverShutdown`, as the endpoint spells it; the connection goes on.
    func announceShutdown(at milliseconds: Int64) {
        let data = #"{"e":"serverShutdown","E":\#(milliseconds)}"#
        switch endpoint {
        case .raw: send(Array(data.utf8))
        case .combined: send(Array(#"{"stream":"!serverShutdown","data":\#(data)}"#.utf8))
        }
    }

    /// Nothing is read or sent any more, and nothing closed.
    func fallSilent() {
        isSilent = true
        connection?.stopReading()
    }

    /// Ends the TCP connection with a reset.
    func reset() {
        depart()
        connection?.reset()
    }

    /// Whether it follows a stream whose name begins so.
    func follows(_ prefix: String) -> Bool { streams.contains { $0.hasPrefix(prefix) } }

    /// Closes after what is queued.
    func leave(code: UInt16, reason: String) {
        guard !isLeaving else { return }
        depart()
        connection?.close(code: code, reason: reason)
    }

    /// Nobody waits for this client any more.
    private func depart() {
        isLeaving = true
        for stream in streams { simulator?.unfollow(stream, self) }
    }
}
