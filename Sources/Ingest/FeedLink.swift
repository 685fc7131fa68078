import Runtime
import Foundation
import Transport
import Venues

/// One connection to the venue.
final class FeedLink: WebSocketDelegate {
    let id: ConnectionID
    private(set) var isOpen = false
    /// Times on the monotonic clock.
    private(set) var openedAt: Int64 = 0
    private(set) var lastFrame = HostClock.monotonicNanoseconds
    /// Whether any message has arrived on it.
    private(set) var hasDelivered = false
    private let plan: ConnectionPlan
    /// Messages to send, in order: first the subscriptions, then any later ones.
    private var outbox: [String]
    /// A message was sent less than the plan's spacing ago.
    private var isPausing = false
    private weak let owner: FeedLinks?
    private let loop: EventLoop
    private var connection: WebSocketConnection?

    init(_ id: ConnectionID, _ request: WebSocketRequest, _ plan: ConnectionPlan, owner: FeedLinks, loop: EventLoop) {
        self.id = id
        self.plan = plan
        outbox = plan.subscriptions
        self.owner = owner
        self.loop = loop
        connection = loop.connect(request, delegate: self)
    }

    /// Seconds since the last sign of life: a message, a ping of the venue or its answer to ours.
    var silentSeconds: Double { Double(connection?.millisecondsSinceData ?? 0) / 1_000 }

    /// Whether all streams have been requested.
    var isSubscribed: Bool { isOpen && outbox.isEmpty }

    /// Sends `text` after earlier messages, no faster than the venue allows.
    func send(_ text: String) {
        outbox.append(text)
        sendNext()
    }

    /// Closes with a handshake; no further frame is delivered.
    func close() { connection?.close() }
    /// Closes at once.
    func abort() { connection?.abort() }

    func didOpen(_ connection: WebSocketConnection) {
        isOpen = true
        openedAt = HostClock.monotonicNanoseconds
        lastFrame = openedAt
        owner?.opened(self)
        sendNext()
        keepAlive()
    }

    private func sendNext() {
        guard isOpen, !isPausing, !outbox.isEmpty else { return }
        _ = connection?.send(text: outbox.removeFirst())
        isPausing = true
        loop.schedule(afterMilliseconds: plan.messageSpacingMilliseconds) { [weak self] in
            self?.isPausing = false
            self?.sendNext()
        }
    }

    private func keepAlive() {
        guard let keepAlive = plan.keepAlive else { return }
        loop.schedule(afterMilliseconds: keepAlive.intervalMilliseconds) { [weak self] in
            guard let self, isOpen else { return }
            send(keepAlive.text)
            self.keepAlive()
        }
    }

    func didReceive(_ message: Span<UInt8>, kind: MessageKind, on connection: WebSocketConnection) {
        lastFrame = HostClock.monotonicNanoseconds
        hasDelivered = true
        owner?.receive?(message, id)
    }

    func didClose(_ connection: WebSocketConnection, reason: WebSocketCloseReason) {
        let wasOpen = isOpen
        isOpen = false
        self.connection = nil
        owner?.closed(self, wasOpen: wasOpen, reason: reason)
    }
}
