import Foundation
import Microstructure
import Testing

@testable import Venues

@Suite struct OKXAdapterTests {
    private static let rules = "venues-2022/OKX.txt.zst"
    private let adapter = OKXAdapter(options: .standard)

    private func listings(_ body: some Collection<UInt8>) throws(VenueError) -> [VenueListing] {
        let body = Array(body)
        return try adapter.listings(in: body.span)
    }

    private func time(_ body: String) throws(VenueError) -> ServerTime {
        let body = Array(body.utf8)
        return try adapter.serverTime(in: body.span)
    }

    private func refusal(_ status: Int, _ body: String) -> VenueRefusal {
        let body = Array(body.utf8)
        return adapter.refusal(status: status, body: body.span)
    }

    private func instruments(_ symbols: [String]) -> [Instrument] {
        symbols.compactMap {
            OKXReader.instrument(of: .okx, named: $0, priceExponent: -2, quantityExponent: -8, tickSize: 1)
        }
    }

    @Test func oneConnectionHasAllChannels() {
        let plan = adapter.connectionPlan(for: instruments(["BTC-USDT", "BTC-USDT-SWAP"]), targetByteLimit: 0)
        #expect(plan.target == "/ws/v5/public")
        #expect(
            plan.subscriptions == [
                #"{"op":"subscribe","args":[{"channel":"books","instId":"BTC-USDT"},"#
                    + #"{"channel":"books","instId":"BTC-USDT-SWAP"},{"channel":"trades","instId":"BTC-USDT"},"#
                    + #"{"channel":"trades","instId":"BTC-USDT-SWAP"},{"channel":"bbo-tbt","instId":"BTC-USDT"},"#
                    + #"{"channel":"bbo-tbt","instId":"BTC-USDT-SWAP"}]}"#
            ])
        #expect(plan.keepAlive == ConnectionPlan.KeepAlive(text: "ping", intervalMilliseconds: 20_000))
        #expect(OKXAdapter.endpoint.webSocketURL + plan.target == "wss://ws.okx.com/ws/v5/public")
    }

    /// A message stays below 64 kB, and the requests of a connection below 480 an hour and three a second.
    @Test func aFullConnectionStaysWithinTheVenuesLimits() {
        let symbols = (0..<OKXAdapter.limits.symbols).map { "LONGESTNAME\($0)-USDT-251226" }
        let plan = adapter.connectionPlan(for: instruments(symbols), targetByteLimit: 0)
        #expect(plan.subscriptions.count == 6 && plan.subscriptions.allSatisfy { $0.utf8.count < 8_000 })
        #expect(plan.messageSpacingMilliseconds > 333)
    }

    /// One request lists one type, told by the first symbol.
    @Test(
        arguments: [
            ("BTCUSDT", "SPOT"), ("BTCUSDTSWAP", "SWAP"), ("BTCUSD220527", "FUTURES"), ("SWAPUSDT", "SPOT"),
            ("1000USDT", "SPOT"), ("", "SPOT"),
        ])
    func theTypeIsToldByTheSymbol(symbol: String, type: String) {
        #expect(
            adapter.instrumentsRequest(for: [symbol, "BTCUSDT"]).target
                == "/api/v5/public/instruments?instType=\(type)")
    }

    @Test func symbolsAreAskedForByType() {
        #expect(
            adapter.listingBatches(of: ["BTCUSDT", "BTCUSDTSWAP", "ETHUSDT", "BTCUSD220527"])
                == [["BTCUSDT", "ETHUSDT"], ["BTCUSDTSWAP"], ["BTCUSD220527"]])
        #expect(adapter.listingBatches(of: []).isEmpty)
    }

    @Test func listingsAreRead() throws {
        let listings = try listings(Payload.bytes("okx-instruments"))
        #expect(
            listings.map(\.symbol)
                == ["BTCUSDSWAP", "BTCUSDTSWAP", "BTCUSDT", "NOVALUEUSDTSWAP", "NOTICKUSDT", "BIGUSDT"])
        #expect(
            try listings[0].instrument.get()
                == Instrument(
                    venue: .okx, symbol: "BTCUSDSWAP", venueSymbol: "BTC-USD-SWAP", priceExponent: -4,
                    quantityExponent: -3, tickSize: 1_000, lotSize: 1_000, baseAsset: "BTC", quoteAsset: "USD",
                    contract: Instrument.Contract(.perpetual, size: 100, isInverse: true)))
        #expect(try listings[1].instrument.get().contract == Instrument.Contract(.perpetual, size: 0.01))
        let spot = try listings[2].instrument.get()
        #expect(spot.contract == nil && spot.canonicalName == "BTC-USDT" && spot.quantityExponent == -8)
        #expect(listings.map(\.status) == [.trading, .halted, .trading, .other, .other, .paused])
        for listing in listings[3...4] { #expect(throws: VenueError.self) { try listing.instrument.get() } }
        // Sizes in steps of 100,000, counted in units of one.
        let big = try listings[5].instrument.get()
        #expect(big.quantityExponent == 0 && big.lotSize == 100_000 && big.priceExponent == -10 && big.tickSize == 1)
    }

    /// The venue's lists of 2022, of all types.
    @Test(.enabled(if: Recording.exists(rules)))
    func theRecordedListsAreRead() throws {
        var counts: [String: Int] = [:]
        var names: Set<String> = []
        for line in try Recording.lines(Self.rules, with: "zstd") {
            guard let mark = line.firstIndex(of: UInt8(ascii: "{")), line.starts(with: Array("http".utf8)) else {
                continue
            }
            let url = String(decoding: line[..<mark].prefix { $0 != UInt8(ascii: " ") }, as: UTF8.self)
            let type = url.components(separatedBy: "instType=").last?.prefix { $0 != "&" } ?? ""
            guard type != "OPTION", counts[String(type)] == nil else { continue }
            let listings = try listings(line[mark...])
            counts[String(type)] = listings.count
            for listing in listings {
                let instrument = try listing.instrument.get()
                names.insert(instrument.symbol)
                #expect(OKXInstrumentType(of: listing.symbol).rawValue == type, "\(listing.symbol)")
                #expect(!instrument.baseAsset.isEmpty && !instrument.quoteAsset.isEmpty)
                #expect((instrument.contract == nil) == (type == "SPOT"))
            }
        }
        #expect(counts == ["SPOT": 513, "SWAP": 166, "FUTURES": 104] && names.count == counts.values.reduce(0, +))
    }

    /// Source: OKX API v5 documentation, Get system time.
    @Test func theClockIsRead() throws {
        let time = try time(#"{"code":"0","msg":"","data":[{"ts":"1597026383085"}]}"#)
        #expect(time.time == .milliseconds(1_597_026_383_085) && time.resolutionNanoseconds == 1_000_000)
        for body in [#"{"code":"0","data":[]}"#, #"{"data":[{"ts":"1"}]}"#, #"{"code":"1","data":[]}"#, "", "<html>"] {
            #expect(throws: VenueError.self) { try self.time(body) }
        }
    }

    /// Sources: nautechsystems/nautilus_trader, http_error_not_found.json, http_error_rate_limit.json; OKX API v5
    /// documentation, error codes.
    @Test(
        arguments: [
            (400, #"{"code":"51001","msg":"Instrument ID does not exist","data":[]}"#, VenueRefusal.Kind.unknownSymbol),
            (400, #"{"code":"51000","msg":"Parameter instId error","data":[]}"#, .unknownSymbol),
            (400, #"{"code":"51000","msg":"Parameter instType error","data":[]}"#, .invalid),
            (429, #"{"msg":"Too Many Requests","code":"50011"}"#, .temporary),
            (404, #"{"code":404,"data":{},"detailMsg":"","error_code":"404","msg":"Not Found"}"#, .notServed),
            (403, "<html>", .notServed), (503, "", .temporary), (400, "", .invalid),
        ])
    func refusalsAreTold(status: Int, body: String, kind: VenueRefusal.Kind) {
        let refusal = refusal(status, body)
        #expect(refusal.kind == kind && (refusal.error == nil) == !body.hasPrefix("{"))
    }

    @Test func anErrorInsteadOfAListIsThrown() {
        let body = #"{"code":"50011","msg":"Too Many Requests","data":[]}"#
        #expect(throws: VenueError.refused(code: 50_011, message: "Too Many Requests")) { try listings(body.utf8) }
    }
}
