import Runtime
import Foundation
import Transport
import Venues

/// One connection to the venue.
final class FeedLink: WebSocketDelegate {
    let id: ConnectionID
    private(set) var isOpen = false
    /// Moments of the monotonic clock.
    private(set) var openedAt: Int64 = 0
    private(set) var lastFrame = HostClock.monotonicNanoseconds
    /// Whether anything has come on it.
    private(set) var hasDelivered = false
    private let plan: ConnectionPlan
    /// Messages to be sent, in order: the subscriptions, and the few that are sent later.
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

    /// Whether all streams have been asked for.
    var isSubscribed: Bool { isOpen && outbox.isEmpty }

    /// Sends `text` after those before it, no faster than the venue allows.
    func send(_ text: String) {
        outbox.append(text)
        sendNext()
    }

    /// With a handshake; no frame is delivered any more.
    func close() { connection?.close() }
    /// At once.
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
