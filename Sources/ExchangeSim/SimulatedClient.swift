import Microstructure
import Runtime
import Simulation
import Transport

/// One WebSocket connection of a client. Its `VenueConnection` holds the venue's rules for it.
final class SimulatedClient: WebSocketDelegate {
    let venue: any VenueConnection
    /// The streams followed, in subscription order.
    private(set) var streams: [String] = []
    private weak let exchange: ExchangeSimulator?
    private var connection: WebSocketConnection?
    private var lastPing: Int64 = 0
    /// Since when a pong is due.
    private var pongDueSince: Int64?
    /// Whether its end has been requested.
    private(set) var isLeaving = false
    /// On the monotonic clock.
    private(set) var openedAt: Int64 = 0
    /// Half-open: nothing is read from it or sent to it.
    private(set) var isSilent = false
    /// Nothing but WebSocket's own answers is sent to it, and its messages are not heard.
    private(set) var isUnheard = false
    /// Messages still to be dropped, by stream.
    var drops: [String: Int] = [:]
    /// The message to send after the next message of its stream.
    var heldBack: [String: MarketFrame] = [:]

    init(_ venue: any VenueConnection, _ exchange: ExchangeSimulator) {
        self.venue = venue
        self.exchange = exchange
    }

    var bufferedBytes: Int { isLeaving ? 0 : connection?.bufferedBytes ?? 0 }

    func didOpen(_ connection: WebSocketConnection) {
        self.connection = connection
        lastPing = HostClock.monotonicNanoseconds
        openedAt = lastPing
        exchange?.opened(self)
        venue.opened(self)
    }

    func didReceive(_ message: Span<UInt8>, kind: MessageKind, on connection: WebSocketConnection) {
        guard !isLeaving, !isUnheard else { return }
        venue.received(message, from: self, at: HostClock.monotonicNanoseconds)
    }

    func didReceivePong(on connection: WebSocketConnection) { pongDueSince = nil }

    func didClose(_ connection: WebSocketConnection, reason: WebSocketCloseReason) {
        depart()
        exchange?.closed(self)
        self.connection = nil
    }

    // MARK: - Streams

    func follow(_ stream: String) {
        streams.append(stream)
        exchange?.follow(stream, self)
    }

    /// Does nothing if the client does not follow the stream.
    func unfollow(_ stream: String) {
        guard let index = streams.firstIndex(of: stream) else { return }
        streams.remove(at: index)
        exchange?.unfollow(stream, self)
    }

    /// The market whose listing satisfies `condition`; `nil` if none that is listed does.
    func feed(where condition: (Listing) -> Bool) -> MarketFeed? {
        exchange?.feeds.first { $0.status != nil && condition($0.market.listing) }
    }

    /// The venue's time, as it tells it.
    func venueTime(at now: Int64) -> Timestamp {
        Timestamp(nanoseconds: (exchange?.serverMicroseconds(at: now) ?? 0) * 1_000)
    }

    /// Sends the whole book as a message of the stream.
    func sendBook(of feed: MarketFeed) {
        if exchange?.faults.delays(bookOf: feed, for: self) == true { return }
        sendBookNow(of: feed)
    }

    /// The fault's delay is over.
    func sendBookNow(of feed: MarketFeed) {
        guard streams.contains(StreamName.depth(feed.market.listing.symbol)), !isUnheard,
            let book = feed.snapshot(limit: 10_000, at: HostClock.monotonicNanoseconds)
        else { return }
        let frame = MarketFrame(
            stream: StreamName.depth(feed.market.listing.symbol), kind: .other, due: 0, bytes: book,
            payload: 0..<book.count)
        send(venue.adapted(frame, clockShiftMilliseconds: 0).bytes)
    }

    // MARK: - Sending

    /// Sends a market's frame. A client whose queue is full is disconnected: a stream with a silent gap would be wrong.
    func send(_ frame: MarketFrame) {
        guard !isLeaving, !isSilent, !isUnheard, let connection else { return }
        let message = frame.bytes.span.extracting(venue.message(in: frame))
        switch venue.isBinary ? connection.send(binary: message) : connection.send(text: message) {
        case .queued: exchange?.statistics.messagesSent[frame.kind, default: 0] += 1
        case .full: overflow()
        case .closed: break
        }
    }

    /// Sends the venue's answer to a message of the client.
    func send(_ answer: [UInt8]) {
        if connection?.send(text: answer.span) == .full { overflow() }
    }

    private func overflow() {
        exchange?.statistics.clientsTooSlow += 1
        depart()
        connection?.abort()
    }

    /// Pings and sends the venue's heartbeats when due; disconnects a client whose pong is overdue.
    func keepAlive(at now: Int64, pingInterval: Int64, pongTimeout: Int64) {
        guard !isLeaving, !isSilent, !isUnheard, let connection else { return }
        venue.advance(to: now, self)
        if let due = pongDueSince, now - due >= pongTimeout {
            exchange?.statistics.clientsMute += 1
            depart()
            connection.abort()
            return
        }
        guard now - lastPing >= pingInterval else { return }
        lastPing = now
        pongDueSince = pongDueSince ?? now
        connection.ping()
    }

    // MARK: - Ending

    /// Stops reading and sending without closing.
    func fallSilent() {
        isSilent = true
        connection?.stopReading()
    }

    /// Says and hears nothing any more, with the line open.
    func ceaseToHear() { isUnheard = true }

    /// Ends the TCP connection with a reset.
    func reset() {
        depart()
        connection?.reset()
    }

    /// Closes after sending the queued messages.
    func leave(code: UInt16, reason: String) {
        guard !isLeaving else { return }
        depart()
        connection?.close(code: code, reason: reason)
    }

    /// Closes because the client has sent more messages than the venue allows.
    func leaveForTooManyMessages(code: UInt16, reason: String) {
        exchange?.statistics.clientsTooChatty += 1
        leave(code: code, reason: reason)
    }

    /// From now on no market and no pace depends on this client.
    private func depart() {
        isLeaving = true
        for stream in streams { exchange?.unfollow(stream, self) }
    }
}
