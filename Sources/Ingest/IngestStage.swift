import Bus
import Runtime
import Wire
import Foundation
import Logging
import Microstructure
import Transport
import Venues
import ZeroMQ

/// One `ingest` process at its venue: learn the instruments, wait for listeners, run the feed, drain.
struct IngestStage<Session: VenueSession & ~Copyable> {
    private let adapter: Session.Adapter
    private let configuration: IngestConfiguration
    private let runtime: ServiceRuntime
    private let directory: LeaseDirectory?
    private let loop: EventLoop
    private let rest: VenueREST<Session.Adapter>

    init(
        _ adapter: Session.Adapter, _ configuration: IngestConfiguration, _ runtime: ServiceRuntime, _ loop: EventLoop,
        _ http: HTTPClient
    ) throws {
        self.adapter = adapter
        self.configuration = configuration
        self.runtime = runtime
        self.loop = loop
        directory = try configuration.leaseDirectory.map { try LeaseDirectory($0) }
        rest = VenueREST(adapter, configuration, http: http)
    }

    /// Serves the symbols until told to stop. Those that the venue does not list are set aside.
    ///
    /// - Throws: `ConfigurationError` if it lists none of them.
    func serve(_ symbols: [String], until stop: StopSignal) throws {
        try reportRoutes()
        let publisher = try bind(symbols)
        guard let search = try learn(symbols, stop) else { return }
        guard !search.found.listings.isEmpty else {
            throw IngestProcess.nothingToServe(search.found.unlisted, "--symbols")
        }
        for symbol in search.found.unlisted { IngestProcess.warn(of: symbol, configuration, runtime.logger) }
        try serve(search, publisher, stop, nil)
    }

    /// Serves a market of a pool until told to stop, or until the preferred one is listed. Returns why the venue does
    /// not list it, if so.
    func serve(_ market: PoolMarket, of claims: PoolClaims, until stop: StopSignal) throws -> ListingSearch.Unlisted? {
        try reportRoutes()
        guard let search = try learn([market.symbol], stop) else { return nil }
        if let unlisted = search.found.unlisted.first { return unlisted }
        try serve(search, try bind([market.symbol]), stop, claims)
        return nil
    }

    /// Whether the venue lists a symbol by now; asked once. `nil` when told to stop.
    func lists(_ symbol: String, until stop: StopSignal) throws -> Bool? {
        try learn([symbol], stop, isPatient: false)?.found.unlisted.isEmpty
    }

    /// Says how the venue is reached, and ends the process if the proxy cannot be used.
    private func reportRoutes() throws {
        let rest = try ProxyRules.environment.route(to: configuration.restURL)
        let webSocket = try ProxyRules.environment.route(to: configuration.webSocketURL)
        for route in [rest, webSocket] {
            guard let scheme = route.proxy?.scheme, scheme != "http", let variable = route.variable else { continue }
            throw ConfigurationError(
                setting: variable, problem: "names a proxy of the kind \(scheme); WebSockets pass http:// proxies only")
        }
        runtime.logger.notice("the venue is reached", metadata: ["rest": "\(rest)", "websocket": "\(webSocket)"])
    }

    private func bind(_ symbols: [String]) throws -> Publisher {
        let endpoints = try Endpoint.list(
            configuration.publish.map {
                $0.replacing("{symbol}", with: symbols.joined(separator: "+"))
                    .replacing("{venue}", with: configuration.endpoint.name)
            },
            setting: "--publish", use: .bind)
        return try Publisher(
            endpoints, in: try Context(security: configuration.security), producer: "ingest-\(Self.name(symbols))",
            epoch: runtime.epoch, kind: .tick)
    }

    private func serve(
        _ entry: Learned, _ publisher: consuming Publisher, _ stop: StopSignal, _ claims: PoolClaims?
    ) throws {
        guard try waitForSubscriptions(&publisher, stop) else { return }
        let listings = entry.found.listings
        let endpoint = configuration.endpoint
        let instruments = try listings.map { try $0.instrument.get() }
        for listing in listings where listing.status != .trading {
            runtime.logger.notice(
                "the market does not trade",
                metadata: [
                    "symbol": "\(listing.symbol)", "status": "\(listing.status.rawValue)",
                    "venue_status": "\(listing.statusText)",
                ])
        }
        let feed = LiveFeed(
            session: try Session(adapter, instruments: instruments),
            output: MarketPublisher(publisher, instruments: instruments, epoch: runtime.epoch),
            listings: ListingBoard(
                listings, unlisted: claims?.unlisted(at: endpoint.venue) ?? entry.found.unlisted,
                intervalSeconds: configuration.listingIntervalSeconds, at: HostClock.monotonicNanoseconds),
            configuration: configuration, rest: rest,
            budget: ConnectBudget(
                adapter.limits, path: directory?.file("connections", for: configuration.webSocketURL),
                logger: runtime.logger),
            weightLimit: entry.weightLimit, loop: loop, logger: runtime.logger, health: runtime.health)
        if let claims { feed.onListed = { claims.release(PoolMarket(endpoint, $0)) } }
        feed.start()
        while !stop.isRequested, feed.failure == nil, claims?.isPreferredListed != true {
            loop.runOnce(timeoutMilliseconds: 1_000)
            feed.receiveAnswers()
        }
        try feed.finish()
    }

    /// Keeps a producer's name short, however many symbols it has.
    private static func name(_ symbols: [String]) -> String {
        symbols.count <= 3 ? symbols.joined(separator: "+") : "\(symbols[0])+\(symbols.count - 1)"
    }

    // MARK: The venue's list of symbols

    /// Which symbols the venue lists, with their rules, and its limit of request weight.
    private struct Learned {
        var found: ListingSearch
        var weightLimit: Int?

        mutating func take(_ entry: CatalogEntry) {
            found.take(entry.listings)
            weightLimit = entry.weightLimit ?? weightLimit
        }
    }

    /// Requests the symbols' trading rules; if the venue does not answer, uses its last stored answer. `nil` when told
    /// to stop. Symbols that the venue does not list are found one by one.
    ///
    /// - Parameter isPatient: whether to ask until the venue answers, as a process must that has nothing to serve yet.
    ///   A standby asks once, and goes on being ready to take over.
    private func learn(
        _ symbols: [String], _ stop: StopSignal, isPatient: Bool = true
    ) throws -> Learned? {
        let catalog = InstrumentCatalog(
            rest, cacheFile: directory?.file("instruments", for: configuration.restURL), logger: runtime.logger)
        var backoff = Backoff(
            firstSeconds: configuration.reconnectDelaySeconds, longestSeconds: configuration.maxReconnectDelaySeconds)
        var budget = WeightBudget(limit: adapter.limits.requestWeight)
        var learned = Learned(found: ListingSearch(adapter.listingBatches(of: symbols)))
        let inbox = Inbox<Result<RESTAnswer, RESTFailure>>(waking: loop.wake)
        while !stop.isRequested, let batch = learned.found.next {
            // Many unknown symbols take many requests.
            if let nanoseconds = budget.take(adapter.instrumentsRequest(for: batch).weight, at: HostClock.now) {
                wait(seconds: Double(nanoseconds) / 1e9, stop)
                continue
            }
            catalog.ask(batch) { inbox.put($0) }
            var answer: Result<RESTAnswer, RESTFailure>?
            while answer == nil, !stop.isRequested {
                runtime.health.beat("feed", isReady: !isPatient, detail: "learning the instruments")
                loop.runOnce(timeoutMilliseconds: 1_000)
                answer = inbox.takeAll().first
            }
            guard let answer else { break }
            do throws(RESTFailure) {
                let success = try answer.get()
                if let used = success.usedWeight { budget.note(used: used, at: HostClock.now) }
                learned.take(try catalog.read(success.body, for: batch))
            } catch {
                if error.kind == .unknownSymbol {
                    learned.found.refuse(error.reason)
                    continue
                }
                guard isPatient else {
                    learned.found.refuse("the venue does not answer: \(error)")
                    continue
                }
                if error.kind == .invalid { throw error }
                if let entry = catalog.cached(batch) {
                    runtime.logger.warning(
                        "exchange information unavailable; using what was told last time",
                        metadata: ["error": "\(error)"])
                    learned.take(entry)
                    continue
                }
                let delay = max(backoff.next(), error.retryAfterSeconds ?? 0)
                runtime.logger.warning(
                    "exchange information unavailable",
                    metadata: ["error": "\(error)", "retry_seconds": "\(delay)"])
                wait(seconds: delay, stop)
            }
        }
        return stop.isRequested ? nil : learned
    }

    private func waitForSubscriptions(_ publisher: inout Publisher, _ stop: StopSignal) throws -> Bool {
        try publisher.countSubscriptions()
        if configuration.waitSubscriptions > publisher.subscriptions {
            runtime.logger.info("waiting for subscriptions", metadata: ["wanted": "\(configuration.waitSubscriptions)"])
        }
        while publisher.subscriptions < configuration.waitSubscriptions, !stop.isRequested {
            runtime.health.beat("feed", isReady: false, detail: "waiting for subscriptions")
            loop.runOnce(timeoutMilliseconds: 20)
            try publisher.countSubscriptions()
        }
        return !stop.isRequested
    }

    private func wait(seconds: Double, _ stop: StopSignal) {
        let end = HostClock.monotonicNanoseconds + Int64(seconds * 1e9)
        while !stop.isRequested, HostClock.monotonicNanoseconds < end {
            runtime.health.beat("feed", isReady: false, detail: "learning the instruments")
            loop.runOnce(timeoutMilliseconds: 200)
        }
    }
}
