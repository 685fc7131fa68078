import Runtime
import Foundation
import Microstructure
import Venues

/// Wait for a trade that may only be late.
private let lateTradeMilliseconds = 250
/// Wait before retrying a refused request: a firewall's refusal may be temporary.
private let refusalSeconds: Int64 = 3_600

/// The REST requests of a feed: snapshots, missing trades, the venue's time.
extension LiveFeed where Session: ~Copyable {
    // MARK: Snapshots

    /// Starts a chain of requests unless one is under way. The first request is sent at once; if the book does not stay
    /// valid, later requests wait.
    func scheduleSnapshot(_ id: InstrumentID) {
        guard !chains[id.index].isFetchingSnapshot else { return }
        chains[id.index].isFetchingSnapshot = true
        let delay = chains[id.index].backoff.next()
        guard delay > 0 else { return askSnapshot(id) }
        loop.schedule(afterMilliseconds: Int(delay * 1_000) + 1) { [weak self] in self?.askSnapshot(id) }
    }

    private func askSnapshot(_ id: InstrumentID) {
        guard let request = session.snapshotRequest(for: id) else {
            return chains[id.index].isFetchingSnapshot = false
        }
        ask(.snapshot(id), request)
    }

    /// Requests a snapshot over the stream, at the pace of `scheduleSnapshot`.
    func scheduleResubscription(_ id: InstrumentID, on connection: ConnectionID) {
        guard !chains[id.index].isFetchingSnapshot else { return }
        chains[id.index].isFetchingSnapshot = true
        let delay = chains[id.index].backoff.next()
        guard delay > 0 else { return resubscribe(id, on: connection) }
        loop.schedule(afterMilliseconds: Int(delay * 1_000) + 1) { [weak self] in
            self?.resubscribe(id, on: connection)
        }
    }

    private func resubscribe(_ id: InstrumentID, on connection: ConnectionID) {
        chains[id.index].isFetchingSnapshot = false
        // Another connection may have restored the book meanwhile.
        guard session.validity(of: id) != .valid else { return }
        for text in session.resubscribeMessages(for: id, on: connection) { links.send(text, on: connection) }
    }

    private func receiveSnapshot(_ id: InstrumentID, _ result: Result<RESTAnswer, RESTFailure>) {
        chains[id.index].isFetchingSnapshot = false
        let wasValid = session.validity(of: id) == .valid
        let before = session.counts(of: id)
        let action: VenueAction
        do {
            let body = try result.get().body
            action = try publishing { (session, batch) throws(VenueError) in
                try session.receiveSnapshot(body.span, for: id, at: HostClock.now, into: &batch)
            }
            if action == .proceed {
                // The book only needed a deeper snapshot: reset its back-off.
                if wasValid { chains[id.index].backoff.reset() }
            } else {
                logger.warning(
                    "snapshot not usable; another is requested",
                    metadata: [
                        "symbol": "\(session.instruments[id.index].symbol)",
                        "reason": "\(session.counts(of: id).snapshotProblem(since: before))",
                    ])
            }
        } catch {
            logger.warning(
                "snapshot failed", metadata: ["symbol": "\(session.instruments[id.index].symbol)", "error": "\(error)"])
            action = session.snapshotFailed(for: id, at: HostClock.now)
        }
        perform(action)
    }

    // MARK: Trades

    /// Requests the oldest missing trades, unless a request for this instrument is under way.
    func scheduleTrades(_ id: InstrumentID) {
        guard !chains[id.index].isFetchingTrades else { return }
        chains[id.index].isFetchingTrades = true
        let delay = Int(chains[id.index].tradeAttempts == 0 ? 0 : chains[id.index].tradeBackoff.next() * 1_000)
        loop.schedule(afterMilliseconds: lateTradeMilliseconds + delay) { [weak self] in self?.askTrades(id) }
    }

    private func askTrades(_ id: InstrumentID) {
        guard let first = session.firstMissingTrade(of: id) else {
            chains[id.index].isFetchingTrades = false
            return chains[id.index].tradesComplete()
        }
        ask(tradesFrom: first, of: id, isProbe: false)
    }

    private func ask(tradesFrom first: Int64, of id: InstrumentID, isProbe: Bool) {
        let source: TradeSource = HostClock.monotonicNanoseconds < singleTradesRefusedUntil ? .aggregates : .single
        guard let request = tradesRequest(for: id, from: first, source: source) else {
            return chains[id.index].isFetchingTrades = false
        }
        ask(.trades(id, first: first, source: source, isProbe: isProbe), request)
    }

    private var tradesPerRequest: Int { rest.adapter.limits.tradesPerRequest }

    private func tradesRequest(for id: InstrumentID, from first: Int64, source: TradeSource) -> VenueRequest? {
        session.tradesRequest(for: id, from: first, limit: tradesPerRequest, source: source)
    }

    /// Checks over REST whether a silent trade stream has missed any trades.
    func probeTrades(_ id: InstrumentID) {
        guard !chains[id.index].isFetchingTrades, let last = session.lastTradeID(of: id) else { return }
        chains[id.index].isFetchingTrades = true
        ask(tradesFrom: last + 1, of: id, isProbe: true)
    }

    private func receiveTrades(
        _ id: InstrumentID, first: Int64, source: TradeSource, isProbe: Bool, _ result: Result<RESTAnswer, RESTFailure>
    ) {
        chains[id.index].isFetchingTrades = false
        let symbol = session.instruments[id.index].symbol
        let before = session.counts(of: id).backfilledTrades
        do {
            let body = try result.get().body
            let isFinal = isProbe ? false : chains[id.index].tradesAsked()
            let last = session.lastTradeID(of: id) ?? -1
            let limit = tradesPerRequest
            try publishing { (session, batch) throws(VenueError) in
                try session.receiveTrades(
                    body.span, from: first, limit: limit, source: source, for: id, isFinal: isFinal,
                    at: HostClock.now, into: &batch)
            }
            let found = session.counts(of: id).backfilledTrades - before
            if found > 0 { chains[id.index].tradesComplete() }
            if isProbe, found == 0, session.lastTradeID(of: id) == last {
                session.confirmQuiet(of: id)
            } else if isProbe, found > 0 {
                logger.warning("the trade stream is mute", metadata: ["symbol": "\(symbol)", "fetched": "\(found)"])
                links.rotateForSilence(at: HostClock.monotonicNanoseconds)
            }
        } catch {
            logger.warning("trades not fetched", metadata: ["symbol": "\(symbol)", "error": "\(error)"])
            let failure = error as? RESTFailure
            if source == .single, failure?.kind == .notServed,
                tradesRequest(for: id, from: first, source: .aggregates) != nil
            {
                refuseSingleTrades()
            } else if !isProbe, isLastAttempt(after: failure, id) {
                session.giveUpTrades(of: id)
            }
        }
        guard session.firstMissingTrade(of: id) != nil else { return chains[id.index].tradesComplete() }
        scheduleTrades(id)
    }

    /// Trades are eventually given up if the venue refuses them or each answer is damaged; an unreachable venue is
    /// retried for ever.
    private func isLastAttempt(after failure: RESTFailure?, _ id: InstrumentID) -> Bool {
        guard let failure, failure.kind != .notServed else { return chains[id.index].tradesAsked() }
        return failure.kind == .invalid || failure.kind == .unknownSymbol
    }

    /// The venue serves single trades only with a key: use aggregates for a while.
    private func refuseSingleTrades() {
        let now = HostClock.monotonicNanoseconds
        guard now >= singleTradesRefusedUntil else { return }
        singleTradesRefusedUntil = now + refusalSeconds * 1_000_000_000
        logger.notice("single trades are refused; missing trades are taken from aggregates")
    }

    // MARK: The clock

    func sampleClock() {
        if let request = rest.adapter.clockRequest() { ask(.clock, request) }
    }

    private func receiveClock(_ result: Result<RESTAnswer, RESTFailure>) {
        do {
            clock.process(try result.get().clockSample(rest.adapter))
        } catch {
            logger.debug("clock sample failed", metadata: ["error": "\(error)"])
        }
    }

    // MARK: The queue

    /// Queues a request; `false` if it was dropped.
    @discardableResult func ask(_ purpose: RequestQueue.Purpose, _ request: VenueRequest) -> Bool {
        guard !isFinishing else { return false }
        guard requests.add(purpose, request) else {
            logger.error("too many requests wait; this one is dropped", metadata: ["path": "\(request.path)"])
            return false
        }
        pump()
        return true
    }

    /// Sends requests within the budget, and schedules itself for when more is available.
    private func pump() {
        while !isFinishing {
            switch requests.next(monotonic: HostClock.monotonicNanoseconds, wall: HostClock.now) {
            case .send(let purpose, let request):
                rest.send(request) { [inbox] in inbox.put(RequestQueue.Answer(purpose: purpose, result: $0)) }
            case .wait(let nanoseconds):
                guard !isPumping else { return }
                isPumping = true
                loop.schedule(afterMilliseconds: Int(nanoseconds / 1_000_000) + 1) { [weak self] in
                    self?.isPumping = false
                    self?.pump()
                }
                return
            case .idle: return
            }
        }
    }

    /// Takes the answers from the HTTP client's thread. Call it after every round of the loop.
    func receiveAnswers() {
        for answer in inbox.takeAll() {
            requests.completed()
            switch answer.result {
            case .success(let success):
                if let used = success.usedWeight { requests.budget.note(used: used, at: HostClock.now) }
            case .failure(let failure):
                if let seconds = failure.retryAfterSeconds {
                    requests.pause(until: HostClock.monotonicNanoseconds + Int64(seconds * 1e9))
                }
            }
            switch answer.purpose {
            case .clock: receiveClock(answer.result)
            case .snapshot(let id): receiveSnapshot(id, answer.result)
            case .listings: receiveListings(answer.result)
            case .trades(let id, let first, let source, let isProbe):
                receiveTrades(id, first: first, source: source, isProbe: isProbe, answer.result)
            }
        }
        pump()
    }
}
