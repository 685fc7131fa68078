import Runtime
import Transport
import Venues

/// An errand at one venue, whose session's type is known only when it is run.
final class IngestTask: VenueTask {
    enum Errand {
        case serve([String])
        case serveOfPool(PoolMarket, PoolClaims)
        /// Whether the venue lists a symbol by now.
        case ask(String)
    }

    enum Outcome {
        /// Served to its end, or told to stop.
        case ended
        case unlisted(ListingSearch.Unlisted)
        case listed, stillUnlisted
    }

    private let configuration: IngestConfiguration
    private let runtime: ServiceRuntime
    private let loop: EventLoop
    private let http: HTTPClient
    private let stop: StopSignal
    private var errand = Errand.serve([])
    private var outcome = Outcome.ended

    init(
        configuration: IngestConfiguration, runtime: ServiceRuntime, loop: EventLoop, http: HTTPClient, stop: StopSignal
    ) {
        self.configuration = configuration
        self.runtime = runtime
        self.loop = loop
        self.http = http
        self.stop = stop
    }

    func run(_ errand: Errand) throws -> Outcome {
        self.errand = errand
        outcome = .ended
        try VenueCatalog.run(self, at: configuration.endpoint, configuration.venueOptions)
        return outcome
    }

    func run<Session: VenueSession & ~Copyable>(_ session: Session.Type, _ adapter: Session.Adapter) throws {
        let stage = try IngestStage<Session>(adapter, configuration, runtime, loop, http)
        switch errand {
        case .serve(let symbols): try stage.serve(symbols, until: stop)
        case .serveOfPool(let market, let claims):
            if let unlisted = try stage.serve(market, of: claims, until: stop) { outcome = .unlisted(unlisted) }
        case .ask(let symbol):
            if let isListed = try stage.lists(symbol, until: stop) { outcome = isListed ? .listed : .stillUnlisted }
        }
    }
}
