import Microstructure

/// What this version does with an endpoint, as its adapter and its session say.
public struct VenueSupport: Sendable, Hashable {
    public enum Snapshots: String, Sendable, Hashable {
        case inStream = "in the stream"
        case overHTTP = "over HTTP"
        case either = "in the stream, else over HTTP"
    }

    public enum MissingTrades: String, Sendable, Hashable {
        case fetched = "found by their ids and fetched"
        case aggregates = "found by their ids and fetched as aggregates"
        case listed = "looked for in the venue's list after a loss"
        case counted = "found by their ids and counted"
    }

    public let snapshots: Snapshots
    public let missingTrades: MissingTrades
    /// Path of the stream, without its query.
    public let path: String
    /// Seconds between two messages that keep the connection open; `nil` where pings do.
    public let keepAliveSeconds: Int?
    /// Whether the venue tells its time over HTTP.
    public let hasClock: Bool

    /// Asks the adapter and a session of one instrument.
    private struct Question: VenueTask {
        final class Answer { var support: VenueSupport? }

        let answer = Answer()

        func run<Session: VenueSession & ~Copyable>(_ session: Session.Type, _ adapter: Session.Adapter) throws {
            let id = InstrumentID(0)
            let instrument = Instrument(
                venue: adapter.venue, symbol: "BTCUSD", venueSymbol: "BTC-USD", priceExponent: -2, quantityExponent: -8)
            let session = try Session(adapter, instruments: [instrument])
            let plan = adapter.connectionPlan(for: [instrument], targetByteLimit: 4_000)
            let isInStream = !session.resubscribeMessages(for: id, on: .main).isEmpty
            let isOverHTTP = session.snapshotRequest(for: id) != nil
            func serves(_ source: TradeSource) -> Bool {
                session.tradesRequest(for: id, from: 1, limit: 1, source: source) != nil
            }
            let fetched: MissingTrades =
                session.tradesAreContiguous ? (session.servesSingleTrades ? .fetched : .aggregates) : .listed
            answer.support = VenueSupport(
                snapshots: isOverHTTP ? (isInStream ? .either : .overHTTP) : .inStream,
                missingTrades: serves(.single) || serves(.aggregates) ? fetched : .counted,
                path: String(plan.target.prefix { $0 != "?" }),
                keepAliveSeconds: plan.keepAlive.map { $0.intervalMilliseconds / 1_000 },
                hasClock: adapter.clockRequest() != nil)
        }
    }

    /// Throws `.badConfiguration` for options that make no session.
    public static func of(_ endpoint: VenueEndpoint) throws -> VenueSupport {
        let question = Question()
        let options = VenueOptions(
            timeUnit: endpoint.timeUnit, depthPublished: 20, snapshotDepth: 1_000, backfillLimit: 10_000,
            apiKey: endpoint.needsKey ? "key" : nil)
        try VenueCatalog.run(question, at: endpoint, options)
        guard let support = question.answer.support else {
            throw VenueError.badConfiguration("\(endpoint.name) has no session")
        }
        return support
    }
}
