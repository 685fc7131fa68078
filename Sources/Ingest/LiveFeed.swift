import Runtime
import Foundation
import Logging
import Metrics
import Microstructure
import Transport
import Venues
import Wire
import ZeroMQ

/// The live shell around a venue session: it passes received messages to the session, performs the session's actions,
/// and publishes its events. Everything runs on the event loop's thread.
///
/// Beside it: `LiveFeed+Requests` has the REST requests, `LiveFeed+Heartbeat` the work of each second,
/// `LiveFeed+Listings` what the venue says of the symbols.
final class LiveFeed<Session: VenueSession & ~Copyable> {
    /// The error that ended the feed; set once.
    private(set) var failure: (any Error)?

    var session: Session
    var output: MarketPublisher
    let rest: VenueREST<Session.Adapter>
    /// Of the streams; that of the requests is `rest`'s.
    var adapter: Session.Adapter
    let keylessWebSocketURL: String
    let loop: EventLoop
    let logger: Logger
    private var refusals: RepeatedLog
    let health: Health
    let inbox: Inbox<RequestQueue.Answer>
    let links: FeedLinks
    var requests: RequestQueue
    var chains: [InstrumentChain]
    var isPumping = false
    /// No requests for single trades before this time (monotonic ns), since the venue refused them.
    var singleTradesRefusedUntil: Int64 = 0
    var clock = VenueClock()
    var nextClockSample: Int64 = 0
    var clockSamples = 0
    var feedMetrics: [FeedMetrics]
    var listings: ListingBoard
    var listingMeters: ListingMeters
    /// Called when the venue lists a symbol that was set aside; without it, the symbol joins the feed.
    var onListed: ((String) -> Void)?
    /// The longest wait between two attempts.
    let longestWaitSeconds: Double
    /// Meters of frames that belong to no symbol.
    var unattributed: SessionMeters
    let budgets = BudgetMeters()
    var lastTick = HostClock.monotonicNanoseconds
    var lastTickWall = HostClock.now
    private(set) var isFinishing = false
    private var batch = EventBatch()
    private let processing = Metrics.Timer(label: MetricName.ingestSeconds)

    /// - Parameter weightLimit: request weight a minute as stated by the venue.
    init(
        session: consuming Session, output: consuming MarketPublisher, listings: ListingBoard,
        configuration: IngestConfiguration, rest: VenueREST<Session.Adapter>, budget: ConnectBudget, weightLimit: Int?,
        loop: EventLoop, logger: Logger, health: Health
    ) {
        adapter = rest.adapter
        keylessWebSocketURL = configuration.keylessWebSocketURL
        self.listings = listings
        longestWaitSeconds = configuration.maxReconnectDelaySeconds
        feedMetrics = session.instruments.map { FeedMetrics(venue: $0.venue, symbol: $0.symbol) }
        listingMeters = ListingMeters(venue: adapter.venue)
        unattributed = SessionMeters(venue: adapter.venue, symbol: nil)
        chains = Array(
            repeating: InstrumentChain(longestSeconds: longestWaitSeconds),
            count: session.instruments.count)
        links = FeedLinks(
            configuration,
            adapter.connectionPlan(for: session.instruments, targetByteLimit: WebSocketRequest.longestTarget),
            loop: loop, budget: budget, logger: logger)
        requests = RequestQueue(weightLimit: weightLimit ?? adapter.limits.requestWeight)
        self.session = session
        self.output = output
        self.rest = rest
        self.loop = loop
        self.logger = logger
        refusals = RepeatedLog(logger)
        self.health = health
        inbox = Inbox(waking: loop.wake)
        links.owner = self
        links.receive = { [unowned self] message, id in receive(message, on: id) }
    }

    func start() {
        links.start()
        tick()
    }

    /// Closes the connections and reports that downstream.
    func finish() throws {
        isFinishing = true
        links.finish()
        for index in 0..<ConnectionID.limit { session.connectionClosed(ConnectionID(index), at: HostClock.now) }
        if failure == nil { attempt { try publishStatuses() } }
        if let failure { throw failure }
    }

    func ids() -> [InstrumentID] { session.instruments.indices.map { InstrumentID($0) } }

    // MARK: Actions of the session

    func perform(_ action: VenueAction, on connection: ConnectionID = .main) {
        switch action {
        case .proceed: break
        case .fetchSnapshot(let id):
            noteLoss(of: id)
            scheduleSnapshot(id)
        case .resubscribe(let id):
            noteLoss(of: id)
            scheduleResubscription(id, on: connection)
        case .fetchTrades(let id): scheduleTrades(id)
        case .reconnect: links.rotate("the venue asks for it")
        }
    }

    /// Publishes the loss of a book at once. A book that only needs a deeper snapshot stays VALID.
    private func noteLoss(of id: InstrumentID) {
        guard session.validity(of: id) != .valid else { return }
        feedMetrics[id.index].lost(at: HostClock.monotonicNanoseconds)
        attempt { try publishStatus(id) }
    }

    private func receive(_ message: Span<UInt8>, on id: ConnectionID) {
        guard failure == nil, !isFinishing else { return }
        let now = HostClock.now
        let start = HostClock.monotonicNanoseconds
        defer { processing.recordNanoseconds(HostClock.monotonicNanoseconds - start) }
        do {
            let action = try publishing { (session, batch) throws(VenueError) in
                try session.receive(message, from: id, at: now, into: &batch)
            }
            perform(action, on: id)
        } catch {
            if adapter.isKeyRefused(error), leaveKey(because: "\(error)") { return }
            // The session counts it by kind; the sequence check detects the resulting loss.
            // One kind for all offsets and instruments, so that a flood stays a line a minute.
            var kind = "\(error)"
            if case VenueError.rejected(let rejection) = error { kind = "\(rejection.kind)" }
            refusals.write("frame refused", kind: kind, metadata: ["error": "\(error)"])
        }
    }

    // MARK: Publishing

    /// Runs `body` with a batch for its events, then publishes them.
    func publishing<Result>(
        _ body: (inout Session, inout EventBatch) throws(VenueError) -> Result
    ) throws(VenueError) -> Result {
        defer { publishBatch() }
        return try body(&session, &batch)
    }

    private func publishBatch() {
        let offset = clock.best?.offsetNanoseconds
        let now = HostClock.monotonicNanoseconds
        for event in batch.events {
            switch event {
            case .book(let update):
                feedMetrics[update.instrument.index].process(update.times, offset: offset)
                if update.validity == .valid { feedMetrics[update.instrument.index].recovered(at: now) }
            // Fetched trades have no latency.
            case .trade(let trade) where !trade.isBackfilled:
                feedMetrics[trade.instrument.index].process(trade.times, offset: offset)
            case .trade, .quote, .heartbeat: break
            }
        }
        attempt { try output.publish(batch) }
        batch.removeAll()
    }

    /// A bus failure ends the process: a feed that cannot publish must not appear to run.
    func attempt(_ body: () throws -> Void) {
        do {
            try body()
        } catch {
            if failure == nil { failure = error }
        }
    }
}

extension LiveFeed: FeedLinksOwner where Session: ~Copyable {
    func linkOpened(_ id: ConnectionID, isReplacement: Bool) { session.connectionOpened(id, at: HostClock.now) }

    func linkClosed(_ id: ConnectionID) {
        session.connectionClosed(id, at: HostClock.now)
        guard !isFinishing else { return }
        let now = HostClock.monotonicNanoseconds
        for id in ids() where session.validity(of: id) != .valid { feedMetrics[id.index].lost(at: now) }
        attempt { try publishStatuses() }
    }

    func instrumentsAwaitingHandover(from old: ConnectionID, to new: ConnectionID) -> Int {
        session.instrumentsAwaitingHandover(from: old, to: new)
    }
}
