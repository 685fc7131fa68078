import Microstructure
import Testing

@testable import Venues

/// Missing trades from a venue's list, where no id shows that one is missing.
@Suite struct TradeListTests {
    private static let second: Int64 = 1_787_612_480

    /// A trade of OKX each second, by its number.
    private static func trade(_ number: Int64, count: Int = 1) -> String {
        #"{"arg":{"channel":"trades","instId":"BTC-USDT"},"data":[\#(row(number, more: #","count":"\#(count)""#))]}"#
    }

    private static func row(_ number: Int64, more: String = "") -> String {
        #"{"instId":"BTC-USDT","tradeId":"\#(number)","px":"70000.5","sz":"0.5","side":"buy","ts":"\#((second + number) * 1_000)"\#(more)}"#
    }

    private static func list(_ numbers: some Sequence<Int64>) -> String {
        #"{"code":"0","msg":"","data":[\#(numbers.map { row($0) }.joined(separator: ","))]}"#
    }

    private static func lab() throws -> StreamLab<OKXReader> {
        try StreamLab(OKXAdapter(options: .standard), [OKXTests.instrument])
    }

    /// Events of an answer.
    private static func take(
        _ lab: StreamLab<some VenueReader>, _ body: String, isFinal: Bool = false
    ) throws(VenueError) -> [Trade] {
        var batch = EventBatch()
        let id = InstrumentID(0)
        try lab.session.receiveTrades(
            Array(body.utf8).span, from: 1, limit: 100, source: .single, for: id, isFinal: isFinal,
            at: Timestamp(nanoseconds: (second + 1_000) * 1_000_000_000), into: &batch)
        return batch.events.compactMap { if case .trade(let trade) = $0 { trade } else { nil } }
    }

    private static func target(_ lab: StreamLab<some VenueReader>) -> String? {
        lab.session.tradesRequest(for: InstrumentID(0), from: 1, limit: 100)?.target
    }

    private static func reconnect(_ lab: StreamLab<some VenueReader>) {
        lab.session.connectionClosed(at: Timestamp(nanoseconds: 1))
        lab.session.connectionOpened(at: Timestamp(nanoseconds: 2))
    }

    @Test func whatAConnectionMissedIsTakenFromTheList() throws {
        let lab = try Self.lab()
        for number in [Int64(1), 2, 5] { #expect(try lab.frame(Self.trade(number)) == .proceed) }
        Self.reconnect(lab)
        #expect(lab.session.firstMissingTrade(of: InstrumentID(0)) == nil)
        #expect(try lab.frame(Self.trade(9)) == .fetchTrades(InstrumentID(0)))
        #expect(lab.session.firstMissingTrade(of: InstrumentID(0)) == 6)
        #expect(
            Self.target(lab) == "/api/v5/market/history-trades?instId=BTC-USDT&type=1&limit=100")
        // Trades 3 and 4 lie before the loss, and were never sent; 10 comes over the stream as well.
        let found = try Self.take(lab, Self.list((1...10).reversed()))
        #expect(found.map(\.id) == [6, 7, 8, 10] && found.allSatisfy(\.isBackfilled))
        #expect(try lab.frame(Self.trade(10)) == .proceed && lab.trades.isEmpty)
        #expect(lab.counts.missedTrades == 4 && lab.counts.backfilledTrades == 4 && lab.counts.unfilledTrades == 0)
        #expect(lab.session.firstMissingTrade(of: InstrumentID(0)) == nil && lab.isBalanced)
    }

    /// The single trades of a sum are known, and a page that does not reach back is followed by the one before it.
    @Test func sumsAndPagesArePutTogether() throws {
        let lab = try Self.lab()
        try lab.frame(Self.trade(3))
        Self.reconnect(lab)
        try lab.frame(Self.trade(12, count: 3))
        #expect(try Self.take(lab, Self.list((8...12).reversed())).map(\.id) == [8, 9])
        #expect(Self.target(lab)?.hasSuffix("&after=8") == true)
        #expect(try Self.take(lab, Self.list((2...7).reversed())).map(\.id) == [4, 5, 6, 7])
        #expect(lab.session.firstMissingTrade(of: InstrumentID(0)) == nil && lab.counts.unfilledTrades == 0)
    }

    /// A list without the first trade after the loss is older than the stream: it is asked for again, and then given up.
    @Test func anOldListIsNotUsed() throws {
        let lab = try Self.lab()
        try lab.frame(Self.trade(3))
        Self.reconnect(lab)
        try lab.frame(Self.trade(12))
        #expect(try Self.take(lab, Self.list((1...6).reversed())).isEmpty)
        #expect(lab.session.firstMissingTrade(of: InstrumentID(0)) == 4)
        #expect(throws: VenueError.refused(code: 50_011, message: "slow")) {
            try Self.take(lab, #"{"code":"50011","msg":"slow","data":[]}"#)
        }
        #expect(try Self.take(lab, Self.list((1...6).reversed()), isFinal: true).isEmpty)
        #expect(lab.session.firstMissingTrade(of: InstrumentID(0)) == nil && lab.counts.unfilledTrades == 1)
    }

    /// A message that cannot be read may have held trades.
    @Test func anUnreadableMessageIsALoss() throws {
        let lab = try Self.lab()
        try lab.frame(Self.trade(3))
        #expect(throws: VenueError.self) { try lab.frame(String(Self.trade(4).dropLast(20))) }
        #expect(try lab.frame(Self.trade(5)) == .fetchTrades(InstrumentID(0)))
        #expect(try Self.take(lab, Self.list((1...5).reversed())).map(\.id) == [4])
    }

    // MARK: Each venue's own list

    @Test func bybitListsTheNewest() throws {
        let lab = try StreamLab<BybitReader>(BybitAdapter(market: .spot, options: .standard), [BybitTests.instrument])
        func trade(_ number: Int) -> String {
            #"{"topic":"publicTrade.BTCUSDT","type":"snapshot","ts":1,"data":[{"T":\#((Self.second + Int64(number)) * 1_000),"s":"BTCUSDT","S":"Buy","v":"0.5","p":"70000.5","i":"\#(number)","BT":false}]}"#
        }
        func row(_ number: Int) -> String {
            #"{"execId":"\#(number)","symbol":"BTCUSDT","price":"70000.5","size":"0.5","side":"Sell","time":"\#((Self.second + Int64(number)) * 1_000)","isBlockTrade":false}"#
        }
        try lab.frame(trade(3))
        Self.reconnect(lab)
        try lab.frame(trade(9))
        #expect(Self.target(lab) == "/v5/market/recent-trade?category=spot&symbol=BTCUSDT&limit=60")
        let rows = (6...9).reversed().map(row).joined(separator: ",")
        let found = try Self.take(lab, #"{"retCode":0,"retMsg":"OK","result":{"category":"spot","list":[\#(rows)]}}"#)
        #expect(found.map(\.id) == [6, 7, 8] && found.allSatisfy { $0.aggressor == .sell })
        // The list does not reach back to trade 3: some may be lost, and one counts as such.
        #expect(lab.counts.unfilledTrades == 1 && lab.session.firstMissingTrade(of: InstrumentID(0)) == nil)
    }

    @Test func bitstampListsAMinuteOrMore() throws {
        let instrument = try #require(
            BitstampReader.instrument(
                of: .bitstamp, named: "btcusd", priceExponent: -5, quantityExponent: -8, tickSize: 1_000))
        let lab = try StreamLab<BitstampReader>(BitstampAdapter(options: .standard), [instrument])
        let now = Timestamp(nanoseconds: Self.second * 1_000_000_000)
        func trade(_ number: Int64) -> String {
            #"{"data":{"id":\#(number),"amount_str":"0.5","price_str":"70000.5","type":0,"microtimestamp":"\#((Self.second + number) * 1_000_000 + 300_000)"},"channel":"live_trades_btcusd","event":"trade"}"#
        }
        try lab.frame(trade(3), at: now)
        Self.reconnect(lab)
        try lab.frame(trade(9), at: now)
        #expect(Self.target(lab) == "/api/v2/transactions/btcusd/?time=minute")
        let rows = (Int64(1)...9).reversed().map {
            #"{"date":"\#(Self.second + $0)","tid":"\#($0)","amount":"0.50000000","price":"70000.50","type":"1"}"#
        }
        let found = try Self.take(lab, "[\(rows.joined(separator: ","))]")
        #expect(
            found.map(\.id) == [4, 5, 6, 7, 8] && found[0].aggressor == .sell
                && found[0].quantity.mantissa == 50_000_000)
        Self.reconnect(lab)
        try lab.frame(trade(9 + 1_000), at: now)
        #expect(Self.target(lab) == "/api/v2/transactions/btcusd/?time=hour")
    }

    @Test func bitfinexListsSinceATime() throws {
        let lab = try StreamLab<BitfinexReader>(
            BitfinexAdapter(options: .standard), [try BitfinexTests.instrument("tBTCUSD")])
        let subscription = #"{"event":"subscribed","channel":"trades","chanId":7,"symbol":"tBTCUSD","pair":"BTCUSD"}"#
        func row(_ number: Int64) -> String { "[\(number),\((Self.second + number) * 1_000),-0.5,70000.5]" }
        try lab.frame(subscription)
        try lab.frame(#"[7,"te",\#(row(3))]"#)
        Self.reconnect(lab)
        try lab.frame(subscription)
        try lab.frame(#"[7,"te",\#(row(9))]"#)
        #expect(Self.target(lab) == "/v2/trades/tBTCUSD/hist?start=\((Self.second + 3) * 1_000)&limit=10000&sort=-1")
        let found = try Self.take(lab, "[\((3...9).reversed().map { row($0) }.joined(separator: ","))]")
        #expect(found.map(\.id) == [4, 5, 6, 7, 8] && found[0].aggressor == .sell)
        #expect(throws: VenueError.self) { try Self.take(lab, #"["error",10020,"symbol: invalid"]"#) }
    }

    /// Kraken's ids are contiguous; its list begins at a time, so it goes on where the last trade fetched was made.
    @Test func krakenListsSinceATime() throws {
        let instrument = Instrument(
            venue: .kraken, symbol: "BTCUSD", venueSymbol: "BTC/USD", priceExponent: -1, quantityExponent: -8)
        let lab = try StreamLab<KrakenReader>(KrakenAdapter(options: .standard), [instrument])
        func trade(_ number: Int64) -> String {
            let time = String(number + 1_000).dropFirst()
            return
                #"{"channel":"trade","type":"update","data":[{"symbol":"BTC/USD","side":"buy","price":70000.5,"qty":0.5,"ord_type":"market","trade_id":\#(number),"timestamp":"2026-08-24T12:00:00.\#(time)000Z"}]}"#
        }
        #expect(try lab.frame(trade(3)) == .proceed)
        #expect(try lab.frame(trade(9)) == .fetchTrades(InstrumentID(0)))
        let start: Int64 = 1_787_572_800_000_000_000
        func target(from id: Int64) -> String? {
            lab.session.tradesRequest(for: InstrumentID(0), from: id, limit: 100)?.target
        }
        #expect(target(from: 4) == "/0/public/Trades?pair=XBTUSD&since=\(start + 2_000_000)&count=100")
        func row(_ number: Int64) -> String {
            #"["70000.50000","0.50000000",1787572800.\#(String(number + 1_000).dropFirst())1234,"s","m","",\#(number)]"#
        }
        let found = try Self.take(
            lab, #"{"error":[],"result":{"XXBTZUSD":[\#((3...6).map { row($0) }.joined(separator: ","))],"last":"1"}}"#)
        #expect(found.map(\.id) == [4, 5, 6] && found.allSatisfy { $0.isBackfilled && $0.aggressor == .sell })
        #expect(found[0].times.venue.nanoseconds == start + 4_123_400)
        #expect(lab.session.firstMissingTrade(of: InstrumentID(0)) == 7)
        #expect(target(from: 7) == "/0/public/Trades?pair=XBTUSD&since=\(start + 5_123_400)&count=100")
        #expect(throws: VenueError.refused(code: 0, message: "EQuery:Unknown asset pair")) {
            try Self.take(lab, #"{"error":["EQuery:Unknown asset pair"]}"#)
        }
        #expect(KrakenAdapter.pairName(of: "DOGE/BTC") == "XDGXBT" && KrakenAdapter.pairName(of: "ETH/EUR") == "ETHEUR")
    }
}
