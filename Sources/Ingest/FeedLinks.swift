import Runtime
import Foundation
import Logging
import Transport
import Venues

/// Callbacks to a feed when its connections open and close.
protocol FeedLinksOwner: AnyObject {
    /// A connection is open; `isReplacement` if another is still running.
    func linkOpened(_ id: ConnectionID, isReplacement: Bool)
    func linkClosed(_ id: ConnectionID)
    func instrumentsAwaitingHandover(from old: ConnectionID, to new: ConnectionID) -> Int
    /// The only connection could not be opened: whether the owner has changed the streams because of it
    /// (`FeedLinks.follow`), so that they are worth an attempt at once.
    func hasChangedStreams(after reason: WebSocketCloseReason) -> Bool
}

extension FeedLinksOwner {
    func hasChangedStreams(after reason: WebSocketCloseReason) -> Bool { false }
}

/// Keeps one connection to the venue and replaces it without a break: before the venue ends it, when the venue
/// announces its end, and when a stream goes silent. The new connection runs beside the old one until every instrument
/// has been handed over.
///
/// Lost connections are reopened after exponential back-off with full jitter, for ever, within the budget of attempts
/// that all processes share.
final class FeedLinks {
    /// Wait before replacing a connection with a silent stream again; it doubles each time.
    private static let silenceSeconds = 10.0
    private static let longestSilenceSeconds = 640.0
    /// The shorter wait after a replacement has helped.
    private static let helpedSeconds = 3.0
    private static let handoverMilliseconds = 50

    weak var owner: (any FeedLinksOwner)?
    /// Receives each message. A closure, not a method of the owner: created where the session's type is known, it is
    /// compiled for that type.
    var receive: ((Span<UInt8>, ConnectionID) -> Void)?
    private let configuration: IngestConfiguration
    private var plan: ConnectionPlan
    private var url: String
    /// No connection has the present plan yet.
    private var isPlanNew = true
    private let loop: EventLoop
    private let logger: Logger
    private var backoff: Backoff
    private var replacementBackoff: Backoff
    private var primary: FeedLink?
    private var successor: FeedLink?
    private var isRotating = false
    private var isFinishing = false
    private var hasBeenOpen = false
    /// The primary is replaced at this age, in ns; drawn anew for each, so that processes do not rotate together.
    private var life: Int64 = 0
    private var lastSilenceRotation: Int64 = 0
    private var nextSilenceRotation: Int64 = 0
    private var silenceSeconds = FeedLinks.silenceSeconds

    /// Connections opened after a break.
    private(set) var reconnects: UInt64 = 0
    /// Connections replaced without a break.
    private(set) var rotations: UInt64 = 0
    /// Attempts to connect of all processes that share the budget.
    let budget: ConnectBudget

    init(
        _ configuration: IngestConfiguration, _ plan: ConnectionPlan, loop: EventLoop, budget: ConnectBudget,
        logger: Logger
    ) {
        self.configuration = configuration
        self.plan = plan
        url = configuration.webSocketURL
        self.loop = loop
        self.budget = budget
        self.logger = logger
        backoff = Backoff(
            firstSeconds: configuration.reconnectDelaySeconds, longestSeconds: configuration.maxReconnectDelaySeconds)
        replacementBackoff = backoff
    }

    var isOpen: Bool { primary?.isOpen ?? false }
    /// When the present connection opened, on the monotonic clock.
    var openedAt: Int64 { primary?.openedAt ?? 0 }

    func start() { connect() }

    func finish() {
        isFinishing = true
        successor?.close()
        primary?.close()
    }

    func send(_ text: String, on id: ConnectionID) {
        // A connection that has been replaced meanwhile: the present one is meant.
        let link = successor?.id == id ? successor : primary
        link?.send(text)
    }

    /// Follows a new plan: a connection with it replaces the present one without a break.
    func replacePlan(_ plan: ConnectionPlan) {
        self.plan = plan
        isPlanNew = true
    }

    /// Follows the streams of a plan at another address from the next connection on. The present connection, if any,
    /// ends.
    func follow(_ plan: ConnectionPlan, at url: String) {
        self.plan = plan
        self.url = url
        successor?.abort()
        primary?.abort()
    }

    // MARK: Connecting

    private func connect() {
        guard !isFinishing, primary == nil else { return }
        if let wait = budget.take() { return postpone(wait) { [weak self] in self?.connect() } }
        primary = makeLink(ConnectionID(0))
    }

    private func connectSuccessor() {
        guard !isFinishing, isRotating, successor == nil, let primary else { return isRotating = false }
        if let wait = budget.take() { return postpone(wait) { [weak self] in self?.connectSuccessor() } }
        successor = makeLink(ConnectionID(1 - primary.id.index))
    }

    /// The host's budget is used up, or its file busy: waits until an attempt is free, plus a random delay, so that
    /// waiting processes do not all connect at once.
    private func postpone(_ nanoseconds: Int64, _ body: @escaping () -> Void) {
        let seconds = Double(nanoseconds) / 1e9 * Double.random(in: 1...1.2)
        if seconds > 1 {
            logger.notice(
                "the host's budget of connection attempts is used up", metadata: ["retry_seconds": "\(seconds)"])
        }
        loop.schedule(afterMilliseconds: Int(seconds * 1_000) + 1, body)
    }

    private func makeLink(_ id: ConnectionID) -> FeedLink {
        isPlanNew = false
        var request = WebSocketRequest(url: url + plan.target)
        request.headers = plan.headers.map { ($0.name, $0.value) }
        request.tls.caFile = configuration.caFile
        // Three pings fit into the period after which a connection counts as dead, so one late answer does no harm.
        let staleAfterMilliseconds = Int(configuration.staleAfterSeconds * 1_000)
        request.pingIntervalMilliseconds = min(
            plan.pingIntervalMilliseconds, max(plan.messageSpacingMilliseconds, staleAfterMilliseconds / 3))
        request.pongTimeoutMilliseconds = staleAfterMilliseconds
        return FeedLink(id, request, plan, owner: self, loop: loop)
    }

    func opened(_ link: FeedLink) {
        let isReplacement = link === successor
        logger.info(
            isReplacement ? "connected beside the old connection" : "connected",
            metadata: ["url": "\(url)"])
        owner?.linkOpened(link.id, isReplacement: isReplacement)
        if isReplacement { return watchHandover(of: link) }
        if hasBeenOpen { reconnects += 1 }
        hasBeenOpen = true
        drawLife()
    }

    func closed(_ link: FeedLink, wasOpen: Bool, reason: WebSocketCloseReason) {
        if link === successor {
            successor = nil
            owner?.linkClosed(link.id)
            guard !isFinishing else { return }
            let delay = replacementBackoff.next()
            logger.warning("the new connection failed", metadata: ["reason": "\(reason)", "retry_seconds": "\(delay)"])
            loop.schedule(afterMilliseconds: Int(delay * 1_000)) { [weak self] in self?.connectSuccessor() }
            return
        }
        // The owner already knows that a replaced connection has ended.
        guard link === primary else { return }
        // A connection that delivered shows the venue is healthy: restart the back-off.
        if wasOpen { backoff.reset() }
        if let successor {
            // The old connection ended before every instrument was handed over: the new one continues alone, and update
            // ids reveal missing messages.
            primary = successor
            self.successor = nil
            if successor.isOpen { finishRotation() } else { isRotating = false }
            owner?.linkClosed(link.id)
            return
        }
        primary = nil
        isRotating = false
        owner?.linkClosed(link.id)
        guard !isFinishing else { return }
        if !wasOpen, owner?.hasChangedStreams(after: reason) == true { return connect() }
        let delay = backoff.next()
        logger.warning("connection lost", metadata: ["reason": "\(reason)", "retry_seconds": "\(delay)"])
        loop.schedule(afterMilliseconds: Int(delay * 1_000)) { [weak self] in self?.connect() }
    }

    // MARK: Rotation

    /// Opens a second connection, and closes the first when the second has taken over.
    func rotate(_ reason: String) {
        guard !isRotating, isOpen, !isFinishing else { return }
        isRotating = true
        logger.info("replacing the connection", metadata: ["reason": "\(reason)"])
        connectSuccessor()
    }

    /// Rotates because of a silent stream, but less and less often while that does not help.
    func rotateForSilence(at now: Int64) {
        guard now >= nextSilenceRotation, !isRotating else { return }
        lastSilenceRotation = now
        nextSilenceRotation = now + Int64(silenceSeconds * 1e9)
        silenceSeconds = min(silenceSeconds * 2, Self.longestSilenceSeconds)
        rotate("a stream is mute")
    }

    /// No stream is silent: the next silence causes a prompt replacement.
    func noteNoSilence() {
        guard !isRotating else { return }
        silenceSeconds = Self.silenceSeconds
        nextSilenceRotation = min(nextSilenceRotation, lastSilenceRotation + Int64(Self.helpedSeconds * 1e9))
    }

    private func watchHandover(of link: FeedLink) {
        guard link === successor, link.isOpen, let old = primary, let owner else { return }
        let overlap = Double(HostClock.monotonicNanoseconds - link.openedAt) / 1e9
        let rest = owner.instrumentsAwaitingHandover(from: old.id, to: link.id)
        guard (link.isSubscribed && rest == 0) || overlap >= configuration.overlapSeconds else {
            loop.schedule(afterMilliseconds: Self.handoverMilliseconds) { [weak self] in self?.watchHandover(of: link) }
            return
        }
        // A silent new connection cannot replace one that delivers.
        guard link.hasDelivered || old.lastFrame <= link.openedAt else { return link.abort() }
        primary = link
        successor = nil
        finishRotation()
        logger.info(
            "the connection is replaced", metadata: ["overlap_seconds": "\(overlap)", "silent_instruments": "\(rest)"])
        owner.linkClosed(old.id)
        old.close()
    }

    private func finishRotation() {
        isRotating = false
        rotations += 1
        replacementBackoff.reset()
        drawLife()
    }

    private func drawLife() {
        life = Int64(configuration.rotateAfterSeconds * Double.random(in: 0.95...1) * 1e9)
    }

    // MARK: Time

    /// Once a second: replaces an old connection, and ends a dead one, on which not even pings are answered. Without
    /// messages alone it is kept: the market may be quiet.
    func tick(at now: Int64) {
        guard let primary, primary.isOpen else { return }
        let silence = primary.silentSeconds
        if silence > configuration.staleAfterSeconds {
            logger.warning(
                "connection is mute: neither messages nor answers to pings for longer than --stale-after allows",
                metadata: ["silent_seconds": "\(silence)", "stale_after": "\(configuration.staleAfterSeconds)"])
            return primary.abort()
        }
        if isPlanNew { rotate("its streams have changed") }
        if now - primary.openedAt >= life { rotate("it is \(Int(Double(now - primary.openedAt) / 1e9)) s old") }
    }
}
