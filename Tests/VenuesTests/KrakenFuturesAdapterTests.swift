import Foundation
import Microstructure
import Testing

@testable import Venues

@Suite struct KrakenFuturesAdapterTests {
    private let adapter = KrakenFuturesAdapter(options: .standard)

    @Test func theConnectionSubscribesToBooksTradesAndHeartbeats() {
        let instruments = ["PF_XBTUSD", "FI_ETHUSD_261225"].map {
            Instrument(
                venue: .krakenFutures, symbol: SymbolName.normalized($0) ?? $0, venueSymbol: $0, priceExponent: -1,
                quantityExponent: -4)
        }
        let plan = adapter.connectionPlan(for: instruments, targetByteLimit: 100)
        #expect(plan.target == "/ws/v1" && plan.headers.isEmpty && plan.keepAlive == nil)
        // The venue ends connections that send no ping for 60 s.
        #expect(plan.pingIntervalMilliseconds < 60_000)
        #expect(
            plan.subscriptions == [
                #"{"event":"subscribe","feed":"book","product_ids":["PF_XBTUSD","FI_ETHUSD_261225"]}"#,
                #"{"event":"subscribe","feed":"trade","product_ids":["PF_XBTUSD","FI_ETHUSD_261225"]}"#,
                #"{"event":"subscribe","feed":"heartbeat"}"#,
            ])
        #expect(KrakenFuturesAdapter.endpoint.webSocketURL == "wss://futures.kraken.com")
    }

    // Source: Kraken Derivatives REST API documentation, `/instruments`, 2026-08 (the first two); the recorded answer of
    // 2021-07-22 (the third and the last).
    private static let listings = """
        {"instruments":[{"symbol":"PF_XBTUSD","pair":"XBT:USD","base":"XBT","quote":"USD","type":"flexible_futures",\
        "tickSize":0.5,"contractSize":1,"tradeable":true,"impactMidSize":1,"maxPositionSize":1000000,\
        "openingDate":"2022-01-01T00:00:00.000Z","marginLevels":[{"contracts":0,"initialMargin":0.02}],"isin":"GB",\
        "contractValueTradePrecision":4,"postOnly":false,"tags":[],"tradfi":false,"mtf":true},\
        {"symbol":"FI_XBTUSD_220930","pair":"XBT:USD","base":"XBT","quote":"USD","type":"futures_inverse",\
        "underlying":"rr_xbtusd","lastTradingTime":"2022-09-30T15:00:00.000Z","tickSize":0.5,"contractSize":1,\
        "tradeable":true,"contractValueTradePrecision":0,"postOnly":true},\
        {"symbol":"pi_xrpusd","type":"futures_inverse","underlying":"rr_xrpusd","tickSize":0.0001,"contractSize":1,\
        "tradeable":false},\
        {"symbol":"PF_PEPEUSD","type":"flexible_futures","tickSize":1e-10,"contractSize":1,"tradeable":true,\
        "contractValueTradePrecision":-3,"base":"PEPE","quote":"USD"},\
        {"symbol":"PF_ADAUSD","type":"flexible_futures","contractSize":1,"tradeable":true},\
        {"symbol":"PF_SOLUSD","type":"flexible_futures","tickSize":0.01,"contractSize":0,"tradeable":true},\
        {"symbol":"PF_DOTUSD","type":"flexible_futures","tickSize":0.01,"contractValueTradePrecision":40,\
        "tradeable":true},\
        {"symbol":"no name","type":"flexible_futures","tickSize":0.01,"tradeable":true},\
        {"symbol":"in_xrpusd","type":"spot index","tradeable":false}],\
        "result":"success","serverTime":"2021-07-22T23:02:07.160Z"}
        """

    @Test func listingsAreReadExactly() throws {
        let listings = try adapter.listings(in: Array(Self.listings.utf8).span)
        #expect(
            listings.map(\.symbol) == [
                "PFXBTUSD", "FIXBTUSD220930", "PIXRPUSD", "PFPEPEUSD", "PFADAUSD", "PFSOLUSD", "PFDOTUSD",
            ])
        #expect(listings.map(\.status) == [.trading, .paused, .halted, .trading, .trading, .trading, .trading])
        #expect(listings.prefix(3).map(\.statusText) == ["tradeable", "post only", "not tradeable"])
        // Three more digits than the steps are taken.
        #expect(
            try listings[0].instrument.get()
                == Instrument(
                    venue: .krakenFutures, symbol: "PFXBTUSD", venueSymbol: "PF_XBTUSD", priceExponent: -4,
                    quantityExponent: -7, tickSize: 5_000, lotSize: 1_000, baseAsset: "BTC", quoteAsset: "USD",
                    contract: Instrument.Contract(.perpetual)))
        #expect(try listings[1].instrument.get().contract == Instrument.Contract(.future, isInverse: true))
        // Without a pair, by its name.
        let ripple = try listings[2].instrument.get()
        #expect(ripple.canonicalName == "XRP-USD" && ripple.venueSymbol == "pi_xrpusd")
        #expect(ripple.contract == Instrument.Contract(.perpetual, isInverse: true))
        // Sizes are thousands.
        let pepe = try listings[3].instrument.get()
        #expect(pepe.priceExponent == -10 && pepe.tickSize == 1 && pepe.quantityExponent == 0 && pepe.lotSize == 1_000)
        for place in 4...6 {
            #expect(throws: VenueError.self) { try listings[place].instrument.get() }
        }
    }

    /// The answer of 2021, which has other members than those of today; the indices in it are no markets.
    @Test(.enabled(if: Recording.exists("venues-2022/KRAKEN_FUTURES.txt.zst")))
    func recordedListingsAreRead() throws {
        var listings: [VenueListing] = []
        var times: [(venue: Timestamp, receive: Timestamp)] = []
        for (time, line) in try StreamRecording<KrakenFuturesReader>.lines("venues-2022/KRAKEN_FUTURES.txt.zst") {
            guard case .answer(_, let body) = line else { continue }
            listings += try adapter.listings(in: body.span)
            times.append((try adapter.serverTime(in: body.span).time, time))
        }
        #expect(listings.count == 17 && listings.allSatisfy { $0.status == .trading })
        let served = listings.compactMap { try? $0.instrument.get() }
        #expect(served.count == listings.count)
        let ether = try #require(served.first { $0.symbol == "FIETHUSD211231" })
        #expect(ether.tickSize == 5_000 && ether.priceExponent == -5 && ether.canonicalName == "ETH-USD")
        #expect(ether.contract == Instrument.Contract(.future, isInverse: true))
        // The stated time is that of the answer: 22 ms ahead of the recorder's clock, as the times of the books are.
        let time = try #require(times.first)
        #expect((0...30_000_000).contains(time.venue.nanoseconds(since: time.receive)))
    }

    @Test func badListingsAreErrors() throws {
        #expect(throws: VenueError.refused(code: 0, message: "apiLimitExceeded")) {
            try adapter.listings(
                in: Array(
                    #"{"result":"error","error":"apiLimitExceeded","serverTime":"2021-07-22T23:02:07.160Z"}"#.utf8
                )
                .span)
        }
        #expect(throws: VenueError.self) { try adapter.listings(in: Array(#"{"result":"success"}"#.utf8).span) }
        for cut in Damage.cuts(of: Self.listings) {
            #expect(throws: VenueError.self) { try adapter.listings(in: cut.span) }
        }
        var random = Random(seed: 8)
        for _ in 0..<2_000 { _ = try? adapter.listings(in: Damage.flipped(Self.listings, &random).span) }
    }

    @Test func theVenuesClockIsReadFromAnyAnswer() throws {
        #expect(adapter.clockRequest()?.target == "/tickers/PF_XBTUSD")
        #expect(KrakenFuturesAdapter.endpoint.restURL == "https://futures.kraken.com/derivatives/api/v3")
        let answers = [
            #"{"result":"success","serverTime":"2026-08-01T10:11:12.345Z","ticker":{"symbol":"PF_XBTUSD","last":1.5}}"#,
            #"{"result":"error","errors":[{"code":87,"message":"m"}],"serverTime":"2026-08-01T10:11:12.345Z"}"#,
        ]
        for answer in answers {
            let time = try adapter.serverTime(in: Array(answer.utf8).span)
            #expect(time.time == Timestamp(milliseconds: 1_785_579_072_345) && time.resolutionNanoseconds == 1_000_000)
        }
        for bad in [#"{"result":"success"}"#, #"{"serverTime":"yesterday"}"#, #"{"serverTime":5}"#, "[]", ""] {
            #expect(throws: VenueError.self) { try adapter.serverTime(in: Array(bad.utf8).span) }
        }
    }

    @Test func refusalsAreToldApart() {
        func refusal(_ status: Int, _ body: String) -> VenueRefusal {
            adapter.refusal(status: status, body: Array(body.utf8).span)
        }
        func kind(_ error: String) -> VenueRefusal.Kind {
            refusal(400, #"{"result":"error","error":"\#(error)","serverTime":"2026-08-01T10:11:12.345Z"}"#).kind
        }
        #expect(kind("apiLimitExceeded") == .temporary && kind("Server Error") == .temporary)
        #expect(kind("notFound") == .unknownSymbol && kind("invalidArgument") == .invalid)
        #expect(kind("authenticationError") == .notServed)
        #expect(
            refusal(404, #"{"errors":[{"code":87,"message":"Contract does not exist"}],"status":"BAD_REQUEST"}"#)
                == VenueRefusal(.unknownSymbol, .refused(code: 0, message: "Contract does not exist")))
        #expect(refusal(404, "<html>") == VenueRefusal(.notServed) && refusal(400, "") == VenueRefusal(.invalid))
        #expect(refusal(502, "") == VenueRefusal(.temporary))
    }

    @Test func limitsAreTheVenues() {
        #expect(adapter.limits.connectionAttempts <= 100 && adapter.usedWeightHeader == nil)
        #expect(
            adapter.requestHeaders.isEmpty && adapter.instrumentsRequest(for: ["PFXBTUSD"]).target == "/instruments")
    }
}
