import Bus
import Runtime
import Wire
import Foundation
import Logging
import Microstructure
import Transport
import Venues
import ZeroMQ

/// Runs an `ingest` process with the venue that its configuration names.
struct IngestTask: VenueTask {
    let configuration: IngestConfiguration
    let runtime: ServiceRuntime
    let stop: StopSignal

    func run<Session: VenueSession & ~Copyable>(_ session: Session.Type, _ adapter: Session.Adapter) throws {
        try IngestStage<Session>(adapter, configuration, runtime).run(until: stop)
    }
}

/// One `ingest` process from start to end: claim the symbols, learn the instruments, wait for listeners, run the feed,
/// drain.
struct IngestStage<Session: VenueSession & ~Copyable> {
    private let adapter: Session.Adapter
    private let configuration: IngestConfiguration
    private let runtime: ServiceRuntime
    private let directory: LeaseDirectory?

    init(_ adapter: Session.Adapter, _ configuration: IngestConfiguration, _ runtime: ServiceRuntime) throws {
        self.adapter = adapter
        self.configuration = configuration
        self.runtime = runtime
        directory = try configuration.leaseDirectory.map { try LeaseDirectory($0) }
    }

    func run(until stop: StopSignal) throws {
        // Room for two overlapping connections and the messages of as many streams as a venue allows.
        var options = EventLoop.Options()
        options.maxConnections = 64
        let loop = try EventLoop(options)
        stop.onRequest { [wake = loop.wake] in wake.wake() }
        let http = try HTTPClient()
        defer { http.shutdown() }

        try reportRoutes()
        let rest = VenueREST(adapter, configuration, http: http)
        switch configuration.symbols {
        case .fixed(let symbols):
            let publisher = try bind(symbols)
            guard let search = try learn(symbols, rest, loop, stop) else { return }
            guard !search.found.listings.isEmpty else { throw Self.nothingToServe(search.found.unlisted, "--symbols") }
            for symbol in search.found.unlisted { warn(of: symbol) }
            try serve(search, publisher, rest, loop, stop)
        case .pool(let pool, let preferred):
            guard let directory else {
                throw ConfigurationError(setting: "--lease-dir", problem: "is needed for a pool")
            }
            let claims = PoolClaims(
                pool, preferred: preferred, in: directory, longestSeconds: configuration.listingIntervalSeconds)
            try servePool(claims, preferred, rest, loop, stop)
        }
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

    /// Serves the first free symbol of the pool that the venue lists. Symbols that it does not list are set aside.
    private func servePool(
        _ claims: PoolClaims, _ preferred: String?, _ rest: VenueREST<Session.Adapter>, _ loop: EventLoop,
        _ stop: StopSignal
    ) throws {
        var isStandingBy = false
        var meters = ListingMeters()
        while !stop.isRequested {
            switch try claims.next(at: HostClock.monotonicNanoseconds) {
            case .claimed(let claim):
                runtime.logger.notice("symbol claimed", metadata: ["symbol": "\(claim.symbol)"])
                guard let search = try learn([claim.symbol], rest, loop, stop) else { return }
                guard let unlisted = search.found.unlisted.first else {
                    let publisher = try bind([claim.symbol])
                    try serve(search, publisher, rest, loop, stop, claims)
                    extendLifetime(claim)
                    guard claims.isPreferredListed else { return }
                    runtime.logger.notice("leaves its symbol for the preferred one, which is listed by now")
                    continue
                }
                claims.setAside(claim, unlisted.reason, at: HostClock.monotonicNanoseconds)
                warn(of: unlisted)
            case .askAgain(let symbol):
                guard let search = try learn([symbol], rest, loop, stop, isPatient: false) else { return }
                if search.found.unlisted.isEmpty {
                    claims.release(symbol)
                    meters.report(unlisted: claims.unlisted.map(\.symbol))
                } else {
                    claims.postpone(symbol, at: HostClock.monotonicNanoseconds)
                }
            case .nothing:
                // Each symbol of the pool is held as not listed, by this process or another.
                if claims.isExhausted { throw Self.nothingToServe(claims.unlisted, "--symbol-pool") }
                if !isStandingBy {
                    runtime.logger.notice("all symbols are served; standing by")
                    isStandingBy = true
                }
                var detail = "standing by for \(preferred ?? "any symbol")"
                let unlisted = claims.unlisted.map(\.symbol)
                if !unlisted.isEmpty { detail += "; not listed by the venue: \(ListText.brief(unlisted))" }
                meters.report(unlisted: unlisted)
                runtime.health.beat("feed", isReady: true, detail: detail)
                loop.runOnce(timeoutMilliseconds: SymbolClaim.pollMilliseconds)
            }
        }
    }

    private func bind(_ symbols: [String]) throws -> Publisher {
        let endpoints = try Endpoint.list(
            configuration.publish.map { $0.replacing("{symbol}", with: symbols.joined(separator: "+")) },
            setting: "--publish", use: .bind)
        return try Publisher(
            endpoints, in: try Context(security: configuration.security), producer: "ingest-\(Self.name(symbols))",
            epoch: runtime.epoch, kind: .tick)
    }

    private func serve(
        _ entry: Learned, _ publisher: consuming Publisher, _ rest: VenueREST<Session.Adapter>, _ loop: EventLoop,
        _ stop: StopSignal, _ claims: PoolClaims? = nil
    ) throws {
        guard try waitForSubscriptions(&publisher, loop, stop) else { return }
        let listings = entry.found.listings
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
                listings, unlisted: claims?.unlisted ?? entry.found.unlisted,
                intervalSeconds: configuration.listingIntervalSeconds, at: HostClock.monotonicNanoseconds),
            configuration: configuration, rest: rest,
            budget: ConnectBudget(
                adapter.limits, path: directory?.file("connections", for: configuration.webSocketURL),
                logger: runtime.logger),
            weightLimit: entry.weightLimit, loop: loop, logger: runtime.logger, health: runtime.health)
        if let claims { feed.onListed = { claims.release($0) } }
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

    private func warn(of symbol: ListingSearch.Unlisted) {
        runtime.logger.warning(
            "the symbol is set aside, and the venue asked for it again later",
            metadata: [
                "symbol": "\(symbol.symbol)", "reason": "\(symbol.reason)",
                "longest_wait_seconds": "\(configuration.listingIntervalSeconds)",
            ])
    }

    private static func nothingToServe(_ symbols: [ListingSearch.Unlisted], _ setting: String) -> ConfigurationError {
        ConfigurationError(
            setting: setting,
            problem: "no symbol is left to serve: "
                + (symbols.isEmpty
                    ? "the venue lists none of the pool"
                    : ListText.brief(symbols.map { "\($0.symbol) (\($0.reason))" }))
                + "; check the spelling and --venue")
    }

    /// Requests the symbols' trading rules; if the venue does not answer, uses its last stored answer. `nil` when told
    /// to stop. Symbols that the venue does not list are found one by one.
    ///
    /// - Parameter isPatient: whether to ask until the venue answers, as a process must that has nothing to serve yet.
    ///   A standby asks once, and goes on being ready to take over.
    private func learn(
        _ symbols: [String], _ rest: VenueREST<Session.Adapter>, _ loop: EventLoop, _ stop: StopSignal,
        isPatient: Bool = true
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
                wait(seconds: Double(nanoseconds) / 1e9, loop, stop)
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
                wait(seconds: delay, loop, stop)
            }
        }
        return stop.isRequested ? nil : learned
    }

    private func waitForSubscriptions(
        _ publisher: inout Publisher, _ loop: EventLoop, _ stop: StopSignal
    ) throws -> Bool {
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

    private func wait(seconds: Double, _ loop: EventLoop, _ stop: StopSignal) {
        let end = HostClock.monotonicNanoseconds + Int64(seconds * 1e9)
        while !stop.isRequested, HostClock.monotonicNanoseconds < end {
            runtime.health.beat("feed", isReady: false, detail: "learning the instruments")
            loop.runOnce(timeoutMilliseconds: 200)
        }
    }
}
