import Runtime
import Foundation
import Logging
import Transport
import Venues

/// An `ingest` process from start to end: its symbols at the one venue, or a market of a pool, which may span venues.
struct IngestProcess {
    private let plan: IngestPlan
    private let runtime: ServiceRuntime

    init(_ plan: IngestPlan, _ runtime: ServiceRuntime) { (self.plan, self.runtime) = (plan, runtime) }

    func run(until stop: StopSignal) throws {
        // Room for two overlapping connections and the messages of as many streams as a venue allows.
        var options = EventLoop.Options()
        options.maxConnections = 64
        let loop = try EventLoop(options)
        stop.onRequest { [wake = loop.wake] in wake.wake() }
        let http = try HTTPClient()
        defer { http.shutdown() }
        switch plan.symbols {
        case .fixed(let symbols):
            _ = try task(plan.venues[0], loop, http, stop).run(.serve(symbols))
        case .pool(let pool, let preferred):
            guard let path = plan.venues[0].leaseDirectory else {
                throw ConfigurationError(setting: "--lease-dir", problem: "is needed for a pool")
            }
            let claims = PoolClaims(
                pool, preferred: preferred, in: try LeaseDirectory(path),
                longestSeconds: plan.venues[0].listingIntervalSeconds)
            try serve(claims, loop, http, stop)
        }
    }

    /// Serves the first free market of the pool that its venue lists. Symbols that it does not list are set aside.
    private func serve(_ claims: PoolClaims, _ loop: EventLoop, _ http: HTTPClient, _ stop: StopSignal) throws {
        var isStandingBy = false
        var meters = Dictionary(
            plan.venues.map { ($0.endpoint.venue, ListingMeters(venue: $0.endpoint.venue)) },
            uniquingKeysWith: { first, _ in first })
        func reportUnlisted() {
            for venue in meters.keys { meters[venue]?.report(unlisted: claims.unlisted(at: venue).map(\.symbol)) }
        }
        while !stop.isRequested {
            switch try claims.next(at: HostClock.monotonicNanoseconds) {
            case .claimed(let claim):
                let market = claim.market
                runtime.logger.notice("symbol claimed", metadata: ["symbol": "\(name(market))"])
                let configuration = venue(of: market)
                switch try task(configuration, loop, http, stop).run(.serveOfPool(market, claims)) {
                case .unlisted(let symbol):
                    claims.setAside(claim, symbol.reason, at: HostClock.monotonicNanoseconds)
                    Self.warn(of: symbol, configuration, runtime.logger)
                default:
                    extendLifetime(claim)
                    guard claims.isPreferredListed else { return }
                    runtime.logger.notice("leaves its symbol for the preferred one, which is listed by now")
                }
            case .askAgain(let market):
                switch try task(venue(of: market), loop, http, stop).run(.ask(market.symbol)) {
                case .listed:
                    claims.release(market)
                    reportUnlisted()
                case .ended: return
                case .unlisted, .stillUnlisted: claims.postpone(market, at: HostClock.monotonicNanoseconds)
                }
            case .nothing:
                // Each market of the pool is held as not listed, by this process or another.
                if claims.isExhausted { throw Self.nothingToServe(claims.unlisted(), "--symbol-pool") }
                if !isStandingBy {
                    runtime.logger.notice("all symbols are served; standing by")
                    isStandingBy = true
                }
                var detail = "standing by for \(claims.preferred.map { name($0) } ?? "any symbol")"
                let unlisted = claims.unlisted().map(\.symbol)
                if !unlisted.isEmpty { detail += "; not listed by the venue: \(ListText.brief(unlisted))" }
                reportUnlisted()
                runtime.health.beat("feed", isReady: true, detail: detail)
                loop.runOnce(timeoutMilliseconds: SymbolClaim.pollMilliseconds)
            }
        }
    }

    private func venue(of market: PoolMarket) -> IngestConfiguration {
        // The pool is made of these venues' names.
        plan.venues.first { $0.endpoint.name == market.endpoint } ?? plan.venues[0]
    }

    private func name(_ market: PoolMarket) -> String {
        plan.venues.count == 1 ? market.symbol : "\(market.symbol) of \(market.endpoint)"
    }

    private func task(
        _ configuration: IngestConfiguration, _ loop: EventLoop, _ http: HTTPClient, _ stop: StopSignal
    ) -> IngestTask {
        IngestTask(configuration: configuration, runtime: runtime, loop: loop, http: http, stop: stop)
    }

    // MARK: Symbols that are not listed

    static func warn(of symbol: ListingSearch.Unlisted, _ configuration: IngestConfiguration, _ logger: Logger) {
        logger.warning(
            "the symbol is set aside, and the venue asked for it again later",
            metadata: [
                "symbol": "\(symbol.symbol)", "venue": "\(configuration.endpoint.name)", "reason": "\(symbol.reason)",
                "longest_wait_seconds": "\(configuration.listingIntervalSeconds)",
            ])
    }

    static func nothingToServe(_ symbols: [ListingSearch.Unlisted], _ setting: String) -> ConfigurationError {
        ConfigurationError(
            setting: setting,
            problem: "no symbol is left to serve: "
                + (symbols.isEmpty
                    ? "the venue lists none of the pool"
                    : ListText.brief(symbols.map { "\($0.symbol) (\($0.reason))" }))
                + "; check the spelling and --venue")
    }
}
