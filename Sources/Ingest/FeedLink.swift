import Runtime
import Foundation
import Transport
import Venues

/// One connection to the venue.
final class FeedLink: WebSocketDelegate {
    /// Milliseconds between two messages to the venue, which takes at most five a second.
    private static let messageMilliseconds = 250

    let id: ConnectionID
    private(set) var isOpen = false
    /// Moments of the monotonic clock.
    private(set) var openedAt: Int64 = 0
    private(set) var lastFrame = HostClock.monotonicNanoseconds
    /// Whether anything has come on it.
    private(set) var hasTalked = false
    private var subscriptions: [String]
    private weak let owner: FeedLinks?
    private let loop: EventLoop
    private var connection: WebSocketConnection?

    /// - Parameter subscriptions: messages to send once it is open.
    init(_ id: ConnectionID, _ request: WebSocketRequest, subscriptions: [String], owner: FeedLinks, loop: EventLoop) {
        self.id = id
        self.subscriptions = subscriptions
        self.owner = owner
        self.loop = loop
        connection = loop.connect(request, delegate: self)
    }

    /// Whether all streams have been asked for.
    var isSubscribed: Bool { isOpen && subscriptions.isEmpty }

    func send(_ text: String) { _ = connection?.send(text: text) }
    /// With a handshake; no frame is delivered any more.
    func close() { connection?.close() }
    /// At once.
    func abort() { connection?.abort() }

    func didOpen(_ connection: WebSocketConnection) {
        isOpen = true
        openedAt = HostClock.monotonicNanoseconds
        lastFrame = openedAt
        owner?.opened(self)
        subscribe()
    }

    private func subscribe() {
        guard isOpen, !subscriptions.isEmpty else { return }
        send(subscriptions.removeFirst())
        loop.schedule(afterMilliseconds: Self.messageMilliseconds) { [weak self] in self?.subscribe() }
    }

    func didReceive(_ message: Span<UInt8>, kind: MessageKind, on connection: WebSocketConnection) {
        lastFrame = HostClock.monotonicNanoseconds
        hasTalked = true
        owner?.received(message, on: self)
    }

    func didClose(_ connection: WebSocketConnection, reason: WebSocketCloseReason) {
        let wasOpen = isOpen
        isOpen = false
        self.connection = nil
        owner?.closed(self, wasOpen: wasOpen, reason: reason)
    }
}
