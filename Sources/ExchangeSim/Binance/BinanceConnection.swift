import Foundation
import Simulation

/// Binance's side of a WebSocket connection: subscription messages, at most five a second, and 1,024 streams.
final class BinanceConnection: VenueConnection {
    /// Most streams of a connection.
    static let streamLimit = 1_024
    /// Most messages from a client per second.
    static let messagesPerSecond = 5

    enum Endpoint {
        /// `/ws`: the bare payload.
        case raw
        /// `/stream`: `{"stream":…,"data":…}`.
        case combined
    }

    private let endpoint: Endpoint
    private let route: BinanceService.Route
    /// The streams named by the handshake.
    private let streams: [String]
    private let isInMicroseconds: Bool
    private let refusal: String?
    /// Arrival times of the last messages; at most the limit per second.
    private var messageTimes: [Int64] = []
    private let dialect = BinanceDialect()
    private let binaryDialect = BinanceSBEDialect()
    /// The streams followed, in the client's words.
    private var followed: [String] = []

    /// - Parameter refusal: why the handshake's request cannot be served; the client gets this, then its connection
    ///   closes.
    init(
        _ endpoint: Endpoint, _ route: BinanceService.Route, streams: [String], isInMicroseconds: Bool,
        refusal: String?
    ) {
        self.endpoint = endpoint
        self.route = route
        self.streams = streams
        self.isInMicroseconds = isInMicroseconds
        self.refusal = refusal
    }

    func opened(_ client: SimulatedClient) {
        if let refusal {
            client.send(SubscriptionRequest.answer(SubscriptionRequest.Refusal(code: 2, msg: refusal)))
            client.leave(code: 1008, reason: refusal)
            return
        }
        for stream in streams { follow(stream, client) }
    }

    /// A stream of another route is accepted and stays silent.
    private func follow(_ stream: String, _ client: SimulatedClient) {
        followed.append(stream)
        if let name = route.stream(stream) { client.follow(name) }
    }

    private func unfollow(_ stream: String, _ client: SimulatedClient) {
        followed.removeAll { $0 == stream }
        if let name = route.stream(stream) { client.unfollow(name) }
    }

    func received(_ message: Span<UInt8>, from client: SimulatedClient, at now: Int64) {
        messageTimes.removeAll { now - $0 >= 1_000_000_000 }
        guard messageTimes.count < Self.messagesPerSecond else {
            client.leaveForTooManyMessages(code: 1008, reason: "Too many requests")
            return
        }
        messageTimes.append(now)
        switch SubscriptionRequest.parse(message.withUnsafeBufferPointer { Data($0) }) {
        case .failure(let refusal): client.send(SubscriptionRequest.answer(refusal))
        case .success(let request): handle(request, from: client)
        }
    }

    private func handle(_ request: SubscriptionRequest, from client: SimulatedClient) {
        switch request.method {
        case .list: client.send(request.answer(followed))
        case .unsubscribe:
            for stream in request.streams { unfollow(stream, client) }
            client.send(request.answer())
        case .subscribe:
            var added: [String] = []
            for stream in request.streams where !followed.contains(stream) && !added.contains(stream) {
                added.append(stream)
            }
            guard followed.count + added.count <= Self.streamLimit else {
                client.send(
                    SubscriptionRequest.answer(
                        SubscriptionRequest.Refusal(
                            code: 2, msg: "Invalid request: more than \(Self.streamLimit) streams")))
                return
            }
            client.send(request.answer())
            for stream in added { follow(stream, client) }
        }
    }

    func adapted(_ frame: MarketFrame, clockShiftMilliseconds milliseconds: Int64) -> MarketFrame {
        isBinary
            ? binaryDialect.retimed(frame, byMilliseconds: milliseconds)
            : dialect.retimed(frame, byMilliseconds: milliseconds, inMicroseconds: isInMicroseconds)
    }

    var isBinary: Bool { route == .binary }

    /// Binary messages have no envelope.
    func message(in frame: MarketFrame) -> Range<Int> {
        switch endpoint {
        case .combined: 0..<frame.bytes.count
        case .raw: frame.payload
        }
    }

    /// `serverShutdown`, in the endpoint's format.
    func shutdownNotice(atMilliseconds time: Int64) -> [UInt8]? {
        let data = #"{"e":"serverShutdown","E":\#(time)}"#
        return switch endpoint {
        case .raw: Array(data.utf8)
        case .combined: Array(#"{"stream":"!serverShutdown","data":\#(data)}"#.utf8)
        }
    }
}
