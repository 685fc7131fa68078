import Foundation
import Logging
import Microstructure
import Transport
import Venues
import Wire
import ZeroMQ

/// The live shell around a venue session: it owns the connection, the snapshots, the clock and the heartbeat, and does
/// what the session's actions say. Everything runs on the event loop's thread.
final class LiveFeed: WebSocketDelegate {
    /// How often the venue's clock is asked; the first samples come faster.
    private static let clockSeconds = 10

    private enum Answer {
        case snapshot(InstrumentID, Result<[UInt8], RESTFailure>)
        case clock(Result<ClockSample, RESTFailure>)
    }

    /// What ended the feed; set once.
    private(set) var failure: (any Error)?

    private var session: BinanceSession
    private var output: MarketPublisher
    private let configuration: IngestConfiguration
    private let rest: VenueREST
    private let loop: EventLoop
    private let logger: Logger
    private let health: Health
    private let inbox: Inbox<Answer>
    private var batch = EventBatch()

    private var connection: WebSocketConnection?
    private var isOpen = false
    private var hasBeenOpen = false
    private var isFinishing = false
    private var reconnects: UInt64 = 0
    private var connectBackoff: Backoff
    private var snapshots: [SnapshotChain]
    /// No REST request before this moment of the monotonic clock: the venue has asked for a pause.
    private var restPausedUntil: Int64 = 0
    private var lastFrame = Clock.monotonicNanoseconds
    private var clock = ClockOffset()
    private var secondsUntilClock = 0
    private var clockSamples = 0
    private var accounts: [FeedAccounts]
    /// Frames that could be laid to no symbol.
    private var unattributed = RejectionReport(symbol: "none")

    init(
        session: consuming BinanceSession, output: consuming MarketPublisher, configuration: IngestConfiguration,
        rest: VenueREST, loop: EventLoop, logger: Logger, health: Health
    ) {
        accounts = session.instruments.map { FeedAccounts(symbol: $0.symbol) }
        snapshots = Array(
            repeating: SnapshotChain(longestSeconds: configuration.maxReconnectDelaySeconds),
            count: session.instruments.count)
        connectBackoff = Backoff(
            firstSeconds: configuration.reconnectDelaySeconds, longestSeconds: configuration.maxReconnectDelaySeconds)
        self.session = session
        self.output = output
        self.configuration = configuration
        self.rest = rest
        self.loop = loop
        self.logger = logger
        self.health = health
        inbox = Inbox(waking: loop.wake)
    }

    func start() {
        connect()
        tick()
    }

    /// Closes the connection and says so downstream.
    func finish() throws {
        isFinishing = true
        connection?.close()
        isOpen = false
        session.connectionClosed(at: Clock.now)
        if failure == nil { attempt { try publishStatuses() } }
        if let failure { throw failure }
    }

    // MARK: The connection

    private func connect() {
        guard !isFinishing else { return }
        var request = WebSocketRequest(url: configuration.webSocketURL + session.streamPath)
        request.tls.caFile = configuration.caFile
        request.pingIntervalMilliseconds = 15_000
        lastFrame = Clock.monotonicNanoseconds
        connection = loop.connect(request, delegate: self)
    }

    func didOpen(_ connection: WebSocketConnection) {
        logger.info("connected", metadata: ["url": "\(configuration.webSocketURL)"])
        if hasBeenOpen { reconnects += 1 }
        hasBeenOpen = true
        isOpen = true
        lastFrame = Clock.monotonicNanoseconds
        session.connectionOpened(at: Clock.now)
    }

    func didReceive(_ message: Span<UInt8>, kind: MessageKind, on connection: WebSocketConnection) {
        guard connection === self.connection, failure == nil else { return }
        let now = Clock.now
        lastFrame = Clock.monotonicNanoseconds
        do {
            try perform(session.receive(message, at: now, into: &batch))
        } catch {
            // Counted by the session under its kind; the sequence check catches what the loss would break.
            logger.warning("frame refused", metadata: ["error": "\(error)"])
        }
        publishBatch()
    }

    func didClose(_ connection: WebSocketConnection, reason: WebSocketCloseReason) {
        guard connection === self.connection else { return }
        self.connection = nil
        // A connection that delivered proves the venue well: the next wait starts small again.
        if isOpen { connectBackoff.reset() }
        isOpen = false
        session.connectionClosed(at: Clock.now)
        guard !isFinishing else { return }
        attempt { try publishStatuses() }
        let delay = connectBackoff.next()
        logger.warning("connection lost", metadata: ["reason": "\(reason)", "retry_seconds": "\(delay)"])
        loop.schedule(afterMilliseconds: Int(delay * 1_000)) { [weak self] in self?.connect() }
    }

    // MARK: What the session asks for

    private func perform(_ action: VenueAction) {
        switch action {
        case .proceed: break
        case .send(let text): _ = connection?.send(text: text)
        case .fetchSnapshot(let id):
            attempt { try publishStatus(id) }
            scheduleSnapshot(id)
        case .resubscribe, .reconnect: connection?.close()
        }
    }

    /// Starts a chain of requests unless one is under way. The first comes at once; a book that does not stay valid,
    /// or a venue that asks for a pause, makes the next ones wait.
    private func scheduleSnapshot(_ id: InstrumentID) {
        guard !snapshots[id.index].isUnderWay else { return }
        snapshots[id.index].isUnderWay = true
        let pause = Double(restPausedUntil - Clock.monotonicNanoseconds) / 1e9
        let delay = max(snapshots[id.index].backoff.next(), pause)
        guard delay > 0 else { return fetchSnapshot(id) }
        loop.schedule(afterMilliseconds: Int(delay * 1_000) + 1) { [weak self] in self?.fetchSnapshot(id) }
    }

    private func fetchSnapshot(_ id: InstrumentID) {
        guard !isFinishing else { return }
        rest.snapshot(session.snapshotRequest(for: id)) { [inbox] in inbox.put(.snapshot(id, $0)) }
    }

    /// Takes over what the HTTP client's thread has brought. Call it after every round of the loop.
    func receiveAnswers() {
        for answer in inbox.takeAll() {
            switch answer {
            case .clock(.success(let sample)): clock.process(sample)
            case .clock(.failure(let failure)):
                pauseREST(after: failure)
                logger.debug("clock sample failed", metadata: ["error": "\(failure)"])
            case .snapshot(let id, let result): receiveSnapshot(id, result)
            }
        }
    }

    private func receiveSnapshot(_ id: InstrumentID, _ result: Result<[UInt8], RESTFailure>) {
        snapshots[id.index].isUnderWay = false
        let action: VenueAction
        do {
            let body = try result.get()
            action = try session.receiveSnapshot(body.span, for: id, at: Clock.now, into: &batch)
            publishBatch()
        } catch {
            logger.warning(
                "snapshot failed", metadata: ["symbol": "\(session.instruments[id.index].symbol)", "error": "\(error)"])
            pauseREST(after: error as? RESTFailure)
            action = session.snapshotFailed(for: id, at: Clock.now)
        }
        perform(action)
    }

    /// Heeds the venue's `Retry-After`, for all requests.
    private func pauseREST(after failure: RESTFailure?) {
        guard let seconds = failure?.retryAfterSeconds else { return }
        restPausedUntil = max(restPausedUntil, Clock.monotonicNanoseconds + Int64(seconds * 1e9))
    }

    // MARK: Heartbeat

    /// Once a second: state the feed's condition, ask for the time now and then, and notice silence.
    private func tick() {
        guard !isFinishing else { return }
        let silence = Double(Clock.monotonicNanoseconds - lastFrame) / 1e9
        if isOpen, silence > configuration.staleAfterSeconds {
            logger.warning("connection is mute", metadata: ["silent_seconds": "\(silence)"])
            connection?.abort()
        }
        attempt {
            try publishStatuses()
            try output.countSubscriptions()
        }
        if secondsUntilClock <= 0, restPausedUntil <= Clock.monotonicNanoseconds {
            rest.clockSample { [inbox] in inbox.put(.clock($0)) }
            clockSamples += 1
            secondsUntilClock = clockSamples < 5 ? 1 : Self.clockSeconds
        }
        secondsUntilClock -= 1
        unattributed.report(session.unattributedCounts.rejections)
        for index in snapshots.indices {
            snapshots[index].settle(isValid: session.validity(of: InstrumentID(index)) == .valid)
        }
        let validCount = session.instruments.indices.count { session.validity(of: InstrumentID($0)) == .valid }
        health.beat(
            "feed", isReady: validCount == session.instruments.count,
            detail: "\(validCount) of \(session.instruments.count) books valid")
        loop.schedule(afterMilliseconds: 1_000) { [weak self] in self?.tick() }
    }

    private func publishStatuses() throws(ZMQError) {
        for index in session.instruments.indices { try publishStatus(InstrumentID(index)) }
    }

    private func publishStatus(_ id: InstrumentID) throws(ZMQError) {
        let counts = session.counts(of: id)
        let validity = session.validity(of: id)
        let now = Clock.now
        var status = ProtoStatus(validity: validity, bookEpoch: session.epoch(of: id))
        status.receiveTimeNs = now.nanoseconds
        status.venueTimeNs = now.advanced(byNanoseconds: clock.best?.offsetNanoseconds ?? 0).nanoseconds
        status.feedUp = isOpen
        status.messageCount = counts.messages
        status.bookUpdateCount = counts.depthApplied
        status.tradeCount = counts.trades
        status.quoteCount = counts.quotes
        status.gapCount = counts.gaps
        status.resyncCount = counts.resyncs
        status.reconnectCount = reconnects
        status.rejectedCount = counts.rejections.total &+ counts.snapshotRejections.total
        status.missedTradeCount = counts.missedTrades
        status.duplicateTradeCount = counts.duplicateTrades
        status.negativeLatencyCount = accounts[id.index].negativeLatencies
        if let best = clock.best {
            status.clockOffsetNs = best.offsetNanoseconds
            status.clockErrorNs = best.errorNanoseconds
        }
        if let median = accounts[id.index].latencyNanoseconds(percentile: 50) { status.latencyP50Ns = median }
        if let tail = accounts[id.index].latencyNanoseconds(percentile: 95) { status.latencyP95Ns = tail }
        try output.publish(status, of: id)
        accounts[id.index].report(
            counts, isUp: isOpen, validity: validity,
            reconnects: reconnects, clock: clock)
    }

    private func publishBatch() {
        let offset = clock.best?.offsetNanoseconds
        for event in batch.events {
            switch event {
            case .book(let update): accounts[update.instrument.index].process(update.times, offset: offset)
            case .trade(let trade): accounts[trade.instrument.index].process(trade.times, offset: offset)
            case .quote, .heartbeat: break
            }
        }
        attempt { try output.publish(batch) }
        batch.removeAll()
    }

    /// A bus that fails ends the process: what cannot be published must not be pretended.
    private func attempt(_ body: () throws -> Void) {
        do {
            try body()
        } catch {
            if failure == nil { failure = error }
        }
    }
}
