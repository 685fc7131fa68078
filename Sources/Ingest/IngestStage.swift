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
        case .fixed(let symbols): try serve(symbols, rest, loop, stop)
        case .pool(let pool, let preferred):
            guard let directory else {
                throw ConfigurationError(setting: "--lease-dir", problem: "is needed for a pool")
            }
            guard let claim = try waitForClaim(pool, preferred, directory, loop, stop) else { return }
            try serve([claim.symbol], rest, loop, stop)
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

    private func serve(
        _ symbols: [String], _ rest: VenueREST<Session.Adapter>, _ loop: EventLoop, _ stop: StopSignal
    ) throws {
        let endpoints = try Endpoint.list(
            configuration.publish.map { $0.replacing("{symbol}", with: symbols.joined(separator: "+")) },
            setting: "--publish", use: .bind)
        var publisher = try Publisher(
            endpoints, in: try Context(security: configuration.security), producer: "ingest-\(Self.name(symbols))",
            epoch: runtime.epoch, kind: .tick)
        guard let entry = try learn(symbols, rest, loop, stop) else { return }
        guard try waitForSubscriptions(&publisher, loop, stop) else { return }

        let feed = LiveFeed(
            session: try Session(adapter, instruments: entry.instruments),
            output: MarketPublisher(publisher, instruments: entry.instruments, epoch: runtime.epoch),
            configuration: configuration, rest: rest,
            budget: ConnectBudget(
                adapter.limits, path: directory?.file("connections", for: configuration.webSocketURL),
                logger: runtime.logger),
            weightLimit: entry.weightLimit, loop: loop, logger: runtime.logger, health: runtime.health)
        feed.start()
        while !stop.isRequested, feed.failure == nil {
            loop.runOnce(timeoutMilliseconds: 1_000)
            feed.receiveAnswers()
        }
        try feed.finish()
    }

    /// Keeps a producer's name short, however many symbols it has.
    private static func name(_ symbols: [String]) -> String {
        symbols.count <= 3 ? symbols.joined(separator: "+") : "\(symbols[0])+\(symbols.count - 1)"
    }

    /// Waits as a hot standby for a symbol of the pool while all are taken; `nil` when told to stop.
    private func waitForClaim(
        _ pool: [String], _ preferred: String?, _ directory: LeaseDirectory, _ loop: EventLoop, _ stop: StopSignal
    ) throws -> SymbolClaim? {
        var hasSaid = false
        while !stop.isRequested {
            if let claim = try SymbolClaim.take(pool, preferred: preferred, in: directory) {
                runtime.logger.notice("symbol claimed", metadata: ["symbol": "\(claim.symbol)"])
                return claim
            }
            if !hasSaid {
                runtime.logger.notice(
                    "all symbols are served; standing by", metadata: ["pool": "\(pool.count) symbols"])
                hasSaid = true
            }
            runtime.health.beat("feed", isReady: true, detail: "standing by for \(preferred ?? "any symbol")")
            loop.runOnce(timeoutMilliseconds: SymbolClaim.pollMilliseconds)
        }
        return nil
    }

    /// Requests the symbols' trading rules; if the venue does not answer, uses its last stored answer. `nil` when told
    /// to stop; throws when the venue says that a symbol does not exist, since waiting cannot help.
    private func learn(
        _ symbols: [String], _ rest: VenueREST<Session.Adapter>, _ loop: EventLoop, _ stop: StopSignal
    ) throws -> CatalogEntry? {
        let catalog = InstrumentCatalog(
            rest, cacheFile: directory?.file("instruments", for: configuration.restURL), logger: runtime.logger)
        var backoff = Backoff(
            firstSeconds: configuration.reconnectDelaySeconds, longestSeconds: configuration.maxReconnectDelaySeconds)
        let inbox = Inbox<Result<[UInt8], RESTFailure>>(waking: loop.wake)
        while !stop.isRequested {
            catalog.ask(symbols) { inbox.put($0) }
            var answer: Result<[UInt8], RESTFailure>?
            while answer == nil, !stop.isRequested {
                runtime.health.beat("feed", isReady: false, detail: "learning the instruments")
                loop.runOnce(timeoutMilliseconds: 1_000)
                answer = inbox.takeAll().first
            }
            guard let answer else { break }
            do throws(RESTFailure) {
                return try catalog.read(answer.get(), for: symbols)
            } catch {
                if error.kind == .invalid { throw error }
                if let entry = catalog.cached(symbols) {
                    runtime.logger.warning(
                        "exchange information unavailable; using what was told last time",
                        metadata: ["error": "\(error)"])
                    return entry
                }
                let delay = max(backoff.next(), error.retryAfterSeconds ?? 0)
                runtime.logger.warning(
                    "exchange information unavailable",
                    metadata: ["error": "\(error)", "retry_seconds": "\(delay)"])
                wait(seconds: delay, loop, stop)
            }
        }
        return nil
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
