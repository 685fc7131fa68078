import Microstructure
import Testing

@testable import Venues

@Suite struct BinanceAdapterTests {
    private static func adapter(
        _ market: BinanceMarket = .global, _ unit: VenueTimeUnit = .microseconds
    ) -> BinanceAdapter {
        BinanceAdapter(
            market: market,
            options: VenueOptions(timeUnit: unit, depthPublished: 5, snapshotDepth: 100, backfillLimit: 7))
    }

    @Test func endpointsAreFoundByName() throws {
        #expect(Set(VenueCatalog.endpoints.map(\.name)).count == VenueCatalog.endpoints.count)
        #expect(
            BinanceMarket.endpoints.map(\.name) == [
                "binance", "binance-data", "binance-sbe", "binance-us", "binance-usdm", "binance-coinm",
            ])
        #expect(VenueCatalog.endpoints.starts(with: BinanceMarket.endpoints))
        let us = try #require(VenueCatalog.endpoint(named: "binance-us"))
        #expect(us.venueProtocol == .binance(.us) && us.timeUnit == .milliseconds && us.limits.symbols == 341)
        #expect(us.webSocketURL == "wss://stream.binance.us:9443" && us.restURL == "https://api.binance.us")
        #expect(VenueCatalog.endpoint(named: "nowhere") == nil)
    }

    /// The task gets the session and the adapter that belong to the endpoint.
    @Test func theCatalogRunsATask() throws {
        final class Recorder: VenueTask {
            var venue: Venue?
            var depth: Int?
            func run<Session: VenueSession & ~Copyable>(_ session: Session.Type, _ adapter: Session.Adapter) throws {
                venue = adapter.venue
                let instrument = Instrument(
                    venue: adapter.venue, symbol: "BTCUSDT", priceExponent: -2, quantityExponent: -8)
                let session = try Session(adapter, instruments: [instrument])
                depth = session.instruments.count
                #expect(
                    session.snapshotRequest(for: InstrumentID(0))?.target == "/api/v3/depth?symbol=BTCUSDT&limit=100")
            }
        }
        let recorder = Recorder()
        let us = try #require(VenueCatalog.endpoint(named: "binance-us"))
        try VenueCatalog.run(recorder, at: us, Self.adapter().options)
        #expect(recorder.venue == .binanceUS && recorder.depth == 1)
    }

    @Test func streamsThatDoNotFitThePathAreSubscribedTo() {
        let instruments = (0..<3).map { Instrument.spot("SYM\($0)") }
        let short = Self.adapter().connectionPlan(for: instruments, targetByteLimit: 2_000)
        #expect(short.target.hasPrefix("/stream?streams=sym0@depth@100ms/sym0@trade/sym0@bookTicker/sym1@"))
        #expect(short.subscriptions.isEmpty && short.messageSpacingMilliseconds == 250)
        let long = Self.adapter().connectionPlan(for: instruments, targetByteLimit: 100)
        #expect(long.target == "/stream?timeUnit=MICROSECOND" && long.subscriptions.count == 1)
    }

    @Test func requestsAndTheTimeUnit() throws {
        let adapter = Self.adapter()
        #expect(adapter.requestHeaders == [VenueHeader("X-MBX-TIME-UNIT", "MICROSECOND")])
        #expect(Self.adapter(.us, .milliseconds).requestHeaders.isEmpty)
        #expect(adapter.clockRequest() == VenueRequest(path: "/api/v3/time", weight: 1))
        #expect(adapter.instrumentsRequest(for: ["BTCUSDT"]).path == "/api/v3/exchangeInfo")
        let body = Array(#"{"serverTime":1700000000000000}"#.utf8)
        let time = try adapter.serverTime(in: body.span)
        #expect(time.time == Timestamp(nanoseconds: 1_700_000_000_000_000_000) && time.resolutionNanoseconds == 1_000)
    }

    @Test func instrumentsAreOfTheMarket() throws {
        let body = try Payload.bytes("exchange-info")
        let known = try Self.adapter(.us).listings(in: body.span).map { try $0.instrument.get() }
        #expect(!known.isEmpty && known.allSatisfy { $0.venue == .binanceUS && $0.venueSymbol == $0.symbol })
        #expect(Self.adapter().requestWeightLimit(in: body.span) == 6_000)
    }

    @Test(
        arguments: [
            (400, #"{"code":-1121,"msg":"Invalid symbol."}"#, VenueRefusal.Kind.unknownSymbol),
            (400, #"{"code":-1100,"msg":"Illegal characters found in parameter 'symbols'."}"#, .unknownSymbol),
            (400, #"{"code":-1102,"msg":"Mandatory parameter 'symbol' was not sent."}"#, .invalid),
            (400, "<html>", .temporary), (429, #"{"code":-1003,"msg":"Too many"}"#, .temporary), (500, "", .temporary),
            (401, "", .notServed), (403, "<html>", .notServed), (404, "", .notServed),
            (400, #"{"code":-2014,"msg":"API-key format invalid."}"#, .notServed),
        ] as [(Int, String, VenueRefusal.Kind)]) func refusals(status: Int, body: String, kind: VenueRefusal.Kind)
    {
        let refusal = Self.adapter().refusal(status: status, body: Array(body.utf8).span)
        #expect(refusal.kind == kind && (refusal.error != nil) == body.hasPrefix("{"))
    }
}
