import Foundation
import Microstructure
import Testing

@testable import Venues

@Suite struct DeribitAdapterTests {
    private let adapter = DeribitAdapter(options: .standard)

    private static func instrument(_ name: String) -> Instrument {
        Instrument(
            venue: .deribit, symbol: SymbolName.normalized(name) ?? name, venueSymbol: name, priceExponent: -2,
            quantityExponent: 0)
    }

    @Test func theConnectionSubscribesToBooksTradesAndQuotes() {
        let plan = adapter.connectionPlan(
            for: [Self.instrument("BTC-PERPETUAL"), Self.instrument("BTC_USDC")], targetByteLimit: 100)
        #expect(plan.target == "/ws/api/v2" && plan.headers.isEmpty)
        #expect(
            plan.subscriptions == [
                #"{"jsonrpc":"2.0","id":6,"method":"public/subscribe","params":{"channels":["#
                    + #""book.BTC-PERPETUAL.100ms","trades.BTC-PERPETUAL.100ms","quote.BTC-PERPETUAL","#
                    + #""book.BTC_USDC.100ms","trades.BTC_USDC.100ms","quote.BTC_USDC"]}}"#
            ])
        #expect(
            plan.keepAlive
                == ConnectionPlan.KeepAlive(
                    text: #"{"jsonrpc":"2.0","id":0,"method":"public/test","params":{}}"#, intervalMilliseconds: 20_000)
        )
        #expect(DeribitAdapter.endpoint.webSocketURL == "wss://streams.deribit.com")
    }

    /// About 3.3 subscriptions a second are allowed, and a message names at most 90 channels.
    @Test func manyInstrumentsAreSubscribedToInSeveralMessages() {
        let names = (0..<adapter.limits.symbols).map { "C\($0)-PERPETUAL" }
        let plan = adapter.connectionPlan(for: names.map(Self.instrument), targetByteLimit: 100)
        #expect(plan.subscriptions.count == 7 && plan.messageSpacingMilliseconds >= 1_000 * 3 / 10)
        let all = plan.subscriptions.joined()
        for name in names {
            for channel in ["book.\(name).100ms", "trades.\(name).100ms", "quote.\(name)"] {
                #expect(all.components(separatedBy: "\"\(channel)\"").count == 2)
            }
        }
        #expect(plan.subscriptions[0].contains(#""id":90,"#) && plan.subscriptions[6].contains(#""id":60,"#))
    }

    @Test func oneKindIsRequestedWhereAllSymbolsAreOfIt() {
        func query(_ symbols: String...) -> String { adapter.instrumentsRequest(for: symbols).target }
        let path = "/api/v2/public/get_instruments?currency=any"
        #expect(query("BTCPERPETUAL", "BTCUSDCPERPETUAL", "BTC24SEP21", "ETH5JUL24") == path + "&kind=future")
        #expect(query("BTCUSDC", "ETHBTC", "USDCUSDT") == path + "&kind=spot")
        #expect(query("BTC24SEP218000P", "XRPUSDC30JUN230D625C") == path + "&kind=option")
        #expect(query("BTCUSDC", "BTCPERPETUAL") == path)
        #expect(query() == path)
    }

    // Source: Deribit documentation, `public/get_instruments` (the first two), 2026-08, and the recorded answers of
    // 2021-07-22 and 2022-05-29 (the others).
    private static let listings = """
        {"jsonrpc":"2.0","id":1,"result":[\
        {"tick_size":0.5,"tick_size_steps":[],"taker_commission":0.0005,"settlement_period":"perpetual",\
        "settlement_currency":"BTC","quote_currency":"USD","price_index":"btc_usd","min_trade_amount":10,"kind":"future",\
        "is_active":true,"instrument_name":"BTC-PERPETUAL","instrument_id":124972,"instrument_type":"reversed",\
        "expiration_timestamp":32503708800000,"counter_currency":"USD","contract_size":10,"base_currency":"BTC",\
        "state":"open"},\
        {"tick_size":2.5,"tick_size_steps":[{"above_price":5,"tick_size":5}],"settlement_period":"month",\
        "quote_currency":"USD","min_trade_amount":10,"kind":"future","is_active":true,"instrument_name":"BTC-29SEP23",\
        "instrument_type":"reversed","contract_size":10,"base_currency":"BTC","state":"locked"},\
        {"tick_size":0.001,"taker_commission":0.0005,"settlement_period":"perpetual","settlement_currency":"USDC",\
        "rfq":false,"quote_currency":"USDC","min_trade_amount":1,"kind":"future","is_active":false,\
        "instrument_name":"UNI_USDC-PERPETUAL","future_type":"linear","contract_size":1,"base_currency":"UNI"},\
        {"tick_size":0.0005,"settlement_period":"month","quote_currency":"BTC","option_type":"put",\
        "min_trade_amount":0.1,"kind":"option","is_active":true,"instrument_name":"BTC-24SEP21-40000-P",\
        "contract_size":1.0,"base_currency":"BTC"},\
        {"tick_size":0.01,"min_trade_amount":0.0001,"kind":"spot","is_active":true,"instrument_name":"BTC_USDC",\
        "instrument_type":"linear","quote_currency":"USDC","base_currency":"BTC","state":"new"},\
        {"tick_size":-1,"min_trade_amount":0.0001,"kind":"spot","instrument_name":"ETH_USDC"},\
        {"min_trade_amount":0.0001,"kind":"spot","instrument_name":"SOL_USDC"},\
        {"tick_size":1e-30,"min_trade_amount":1,"kind":"spot","instrument_name":"ADA_USDC"},\
        {"tick_size":1,"min_trade_amount":1,"kind":"spot","instrument_name":"no name"}],\
        "usIn":1653848421538170,"usOut":1653848421538333,"usDiff":163,"testnet":false}
        """

    @Test func listingsAreReadExactly() throws {
        let listings = try adapter.listings(in: Array(Self.listings.utf8).span)
        #expect(
            listings.map(\.symbol) == [
                "BTCPERPETUAL", "BTC29SEP23", "UNIUSDCPERPETUAL", "BTC24SEP2140000P", "BTCUSDC", "ETHUSDC", "SOLUSDC",
                "ADAUSDC",
            ])
        #expect(
            listings.map(\.status) == [.trading, .cancelOnly, .halted, .trading, .other, .trading, .trading, .trading])
        #expect(listings[1].statusText == "locked")
        // 10 dollars of a step; three more digits than the steps are taken.
        #expect(
            try listings[0].instrument.get()
                == Instrument(
                    venue: .deribit, symbol: "BTCPERPETUAL", venueSymbol: "BTC-PERPETUAL", priceExponent: -4,
                    quantityExponent: -2, tickSize: 5_000, lotSize: 1_000, baseAsset: "BTC", quoteAsset: "USD",
                    contract: Instrument.Contract(.perpetual, isInverse: true)))
        #expect(try listings[1].instrument.get().contract == Instrument.Contract(.future, isInverse: true))
        let linear = try listings[2].instrument.get()
        #expect(linear.contract == Instrument.Contract(.perpetual) && linear.canonicalName == "UNI-USDC")
        let spot = try listings[4].instrument.get()
        #expect(spot.contract == nil && spot.venueSymbol == "BTC_USDC" && spot.canonicalName == "BTC-USDC")
        #expect(
            spot.priceExponent == -5 && spot.tickSize == 1_000 && spot.quantityExponent == -7 && spot.lotSize == 1_000)
        for place in [3, 5, 6, 7] {
            #expect(throws: VenueError.self) { try listings[place].instrument.get() }
        }
    }

    /// The answers of 2021 and 2022, which have other members than those of today.
    @Test(.enabled(if: Recording.exists("venues-2022/DERIBIT.txt.zst")))
    func recordedListingsAreRead() throws {
        var listings: [VenueListing] = []
        for (_, line) in try StreamRecording<DeribitReader>.lines("venues-2022/DERIBIT.txt.zst") {
            if case .answer(_, let body) = line { listings += try adapter.listings(in: body.span) }
        }
        #expect(listings.count == 398 + 426 + 177 + 16)
        let served = listings.compactMap { try? $0.instrument.get() }
        #expect(served.count == 37 && Set(served.map(\.symbol)).count == 37)
        let solana = try #require(served.first { $0.symbol == "SOLPERPETUAL" })
        #expect(solana.contract == Instrument.Contract(.perpetual, isInverse: true))
        let future = try #require(served.first { $0.symbol == "ETH27AUG21" })
        #expect(future.contract == Instrument.Contract(.future, isInverse: true) && future.canonicalName == "ETH-USD")
    }

    @Test func badListingsAreErrors() throws {
        #expect(throws: VenueError.refused(code: -32_602, message: "Invalid params (currency: wrong)")) {
            try adapter.listings(
                in: Array(
                    #"{"error":{"code":-32602,"message":"Invalid params","data":{"reason":"wrong","param":"currency"}}}"#
                        .utf8
                ).span)
        }
        #expect(throws: VenueError.self) { try adapter.listings(in: Array(#"{"jsonrpc":"2.0"}"#.utf8).span) }
        for cut in Damage.cuts(of: Self.listings) {
            #expect(throws: VenueError.self) { try adapter.listings(in: cut.span) }
        }
        var random = Random(seed: 7)
        for _ in 0..<2_000 { _ = try? adapter.listings(in: Damage.flipped(Self.listings, &random).span) }
    }

    @Test func theVenuesClockIsRead() throws {
        #expect(adapter.clockRequest()?.target == "/api/v2/public/get_time")
        // Source: Deribit documentation, `public/get_time`, 2026-08.
        let answer = #"{"jsonrpc":"2.0","result":1550147385946,"id":7365}"#
        let time = try adapter.serverTime(in: Array(answer.utf8).span)
        #expect(time.time == Timestamp(milliseconds: 1_550_147_385_946) && time.resolutionNanoseconds == 1_000_000)
        for bad in ["null", "-1", "9223372036854775807", "{}"] {
            let text = answer.replacingOccurrences(of: "1550147385946", with: bad)
            #expect(throws: VenueError.self) { try adapter.serverTime(in: Array(text.utf8).span) }
        }
    }

    @Test func refusalsAreToldApart() {
        func refusal(_ status: Int, _ body: String) -> VenueRefusal {
            adapter.refusal(status: status, body: Array(body.utf8).span)
        }
        func kind(_ status: Int, _ body: String) -> VenueRefusal.Kind { refusal(status, body).kind }
        func error(_ code: Int, _ data: String = "null") -> String {
            #"{"jsonrpc":"2.0","error":{"message":"m","data":\#(data),"code":\#(code)},"testnet":false}"#
        }
        #expect(kind(429, error(10_028)) == .temporary && kind(503, "<html>") == .temporary)
        #expect(kind(400, error(13_020)) == .unknownSymbol && kind(400, error(10_020)) == .unknownSymbol)
        #expect(kind(400, error(-32_602, #"{"reason":"wrong format","param":"instrument_name"}"#)) == .unknownSymbol)
        #expect(kind(400, error(-32_602, #"{"reason":"wrong format","param":"count"}"#)) == .invalid)
        #expect(kind(400, error(-32_601)) == .notServed && kind(403, "") == .notServed && kind(400, "") == .invalid)
        #expect(refusal(400, error(13_020)).error == .refused(code: 13_020, message: "m"))
    }

    @Test func limitsAreTheVenues() {
        #expect(adapter.limits.tradesPerRequest == 1_000 && adapter.limits.connectionAttempts <= 32)
        #expect(adapter.usedWeightHeader == nil && adapter.requestHeaders.isEmpty)
    }
}
