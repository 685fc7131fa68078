import Runtime
import Foundation
import Logging
import Metrics
import Microstructure
import Transport
import Venues
import Wire
import ZeroMQ

/// The live shell around a venue session: it hands in what the connections bring, does what the session's actions say, and
/// publishes. Everything runs on the event loop's thread.
///
/// Beside it: `LiveFeed+Requests` has what goes over REST, `LiveFeed+Heartbeat` what happens once a second.
final class LiveFeed {
    /// What ended the feed; set once.
    private(set) var failure: (any Error)?

    var session: BinanceSession
    var output: MarketPublisher
    let configuration: IngestConfiguration
    let rest: VenueREST
    let loop: EventLoop
    let logger: Logger
    let health: Health
    let inbox: Inbox<Answer>
    let links: FeedLinks
    var requests = RequestQueue()
    var chains: [InstrumentChain]
    var isPumping = false
    /// Single trades are not asked for before this (monotonic ns), since the venue refused them.
    var singleTradesRefusedUntil: Int64 = 0
    var clock = VenueClock()
    var nextClockSample: Int64 = 0
    var clockSamples = 0
    var accounts: [FeedAccounts]
    /// Frames that could be laid to no symbol.
    var unattributed = SessionMeters(symbol: nil)
    let budgets = BudgetMeters()
    var lastTick = HostClock.monotonicNanoseconds
    var lastTickWall = HostClock.now
    private(set) var isFinishing = false
    private var batch = EventBatch()
    private let processing = Metrics.Timer(label: MetricName.ingestSeconds)

    /// What the HTTP client's thread hands over.
    struct Answer {
        let purpose: RequestQueue.Purpose
        let result: Result<RESTAnswer, RESTFailure>
    }

    init(
        session: consuming BinanceSession, output: consuming MarketPublisher, configuration: IngestConfiguration,
        rest: VenueREST, budget: ConnectBudget, weightLimit: Int?, loop: EventLoop, logger: Logger, health: Health
    ) {
        accounts = session.instruments.map { FeedAccounts(symbol: $0.symbol) }
        chains = Array(
            repeating: InstrumentChain(longestSeconds: configuration.maxReconnectDelaySeconds),
            count: session.instruments.count)
        links = FeedLinks(
            configuration, path: session.streamPath, emptyPath: session.emptyStreamPath,
            subscriptions: session.subscribeMessages(), loop: loop, budget: budget, logger: logger)
        if let weightLimit { requests.budget.setLimit(weightLimit) }
        self.session = session
        self.output = output
        self.configuration = configuration
        self.rest = rest
        self.loop = loop
        self.logger = logger
        self.health = health
        inbox = Inbox(waking: loop.wake)
        links.owner = self
    }

    func start() {
        links.start()
        tick()
    }

    /// Closes the connections and says so downstream.
    func finish() throws {
        isFinishing = true
        links.finish()
        for index in 0..<ConnectionID.limit { session.connectionClosed(ConnectionID(index), at: HostClock.now) }
        if failure == nil { attempt { try publishStatuses() } }
        if let failure { throw failure }
    }

    func ids() -> [InstrumentID] { session.instruments.indices.map { InstrumentID($0) } }

    // MARK: What the session asks for

    func perform(_ action: VenueAction, on connection: ConnectionID? = nil) {
        switch action {
        case .proceed: break
        case .send(let text): if let connection { links.send(text, on: connection) }
        case .fetchSnapshot(let id):
            // A book that is only to be widened stays VALID.
            if session.validity(of: id) != .valid {
                accounts[id.index].lost(at: HostClock.monotonicNanoseconds)
                attempt { try publishStatus(id) }
            }
            scheduleSnapshot(id)
        case .fetchTrades(let id): scheduleTrades(id)
        case .resubscribe, .reconnect: links.rotate("the venue asks for it")
        }
    }

    // MARK: Publishing

    /// Runs `body` with the batch for its events, and publishes them.
    func publishing<Result>(
        _ body: (inout BinanceSession, inout EventBatch) throws(VenueError) -> Result
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
                accounts[update.instrument.index].process(update.times, offset: offset)
                if update.validity == .valid { accounts[update.instrument.index].recovered(at: now) }
            // What was fetched has no latency.
            case .trade(let trade) where !trade.isBackfilled:
                accounts[trade.instrument.index].process(trade.times, offset: offset)
            case .trade, .quote, .heartbeat: break
            }
        }
        attempt { try output.publish(batch) }
        batch.removeAll()
    }

    /// A bus that fails ends the process: what cannot be published must not be pretended.
    func attempt(_ body: () throws -> Void) {
        do {
            try body()
        } catch {
            if failure == nil { failure = error }
        }
    }
}

extension LiveFeed: FeedLinksOwner {
    func linkOpened(_ id: ConnectionID, isReplacement: Bool) { session.connectionOpened(id, at: HostClock.now) }

    func linkReceived(_ message: Span<UInt8>, on id: ConnectionID) {
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
            // Counted by the session under its kind; the sequence check catches what the loss would break.
            logger.warning("frame refused", metadata: ["error": "\(error)"])
        }
    }

    func linkClosed(_ id: ConnectionID) {
        session.connectionClosed(id, at: HostClock.now)
        guard !isFinishing else { return }
        let now = HostClock.monotonicNanoseconds
        for id in ids() where session.validity(of: id) != .valid { accounts[id.index].lost(at: now) }
        attempt { try publishStatuses() }
    }

    func instrumentsAwaitingHandover(from old: ConnectionID, to new: ConnectionID) -> Int {
        session.instrumentsAwaitingHandover(from: old, to: new)
    }
}
