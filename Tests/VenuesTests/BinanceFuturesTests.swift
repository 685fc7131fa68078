import Microstructure
import TestSupport
import Testing

@testable import Venues

/// Frames of USD-M and COIN-M futures, of 2024 and of 2026.
enum FuturesFrame {
    // Recorded on 2024-08-08: a COIN-M quote has `u` before `e`, sizes are whole numbers, bids ascend.
    static let depth2024 = """
        {"stream":"btcusd_perp@depth@0ms","data":{"e":"depthUpdate","E":1723161257476,"T":1723161257462,"s":"BTCUSD_PERP",\
        "ps":"BTCUSD","U":1007198631847,"u":1007198631985,"pu":1007198631835,"b":[["61786.5","89"],["61794.5","1572"],\
        ["61797.3","0"],["61798.5","0"]],"a":[["61801.4","0"],["61817.7","44"]]}}
        """
    static let quote2024 = """
        {"stream":"btcusd_perp@bookTicker","data":{"u":1007198632021,"e":"bookTicker","s":"BTCUSD_PERP","ps":"BTCUSD",\
        "b":"61804.7","B":"35","a":"61804.8","A":"1645","T":1723161257465,"E":1723161257476}}
        """
    static let trade2024 = """
        {"stream":"btcusdt@trade","data":{"e":"trade","E":1723161256322,"T":1723161256322,"s":"BTCUSDT","t":5266583935,\
        "p":"61800.30","q":"0.006","X":"MARKET","m":false}}
        """
    // Recorded live by others on 2026-09-25 and published in their tests; `st` and, on USD-M, `ps` are new.
    static let depth2026 = """
        {"stream":"btcusd_perp@depth@100ms","data":{"e":"depthUpdate","E":1790373637622,"T":1790373637613,\
        "s":"BTCUSD_PERP","ps":"BTCUSD","U":11660059838224,"u":11660059844303,"pu":11660059836647,\
        "b":[["82997.3","1382"],["83517.9","0"]],"a":[["83732.5","2458"]],"st":2}}
        """
    static let quote2026 = """
        {"stream":"btcusdt@bookTicker","data":{"e":"bookTicker","u":11659858833361,"s":"BTCUSDT","ps":"BTCUSDT",\
        "b":"83680.00","B":"7.816","a":"83680.10","A":"1.566","T":1790370834266,"E":1790370834267,"st":1}}
        """
    static let trade2026 = """
        {"stream":"btcusdt@trade","data":{"e":"trade","E":1790370834849,"T":1790370834848,"s":"BTCUSDT","t":8121136411,\
        "p":"83680.00","q":"0.001","X":"MARKET","m":true,"st":1}}
        """
    static let improvedTrade2026 = """
        {"stream":"1000pepeusdt@trade","data":{"e":"trade","E":1790371723022,"T":1790371723021,"s":"1000PEPEUSDT",\
        "t":2804511605,"p":"0.0044478","q":"10403","X":"RPI","m":false,"st":1}}
        """
    static let emptyTrade2026 = """
        {"stream":"btcusdt@trade","data":{"e":"trade","E":1785780046072,"T":1785780046071,"s":"BTCUSDT","t":7950493454,\
        "p":"0","q":"0","X":"NA","m":true,"st":1}}
        """
    static let all = [
        depth2024, quote2024, trade2024, depth2026, quote2026, trade2026, improvedTrade2026, emptyTrade2026,
    ]

    static func depth(
        _ previous: Int64, _ last: Int64, bids: [(String, String)] = [], asks: [(String, String)] = []
    ) -> String {
        func list(_ levels: [(String, String)]) -> String {
            levels.map { "[\"\($0.0)\",\"\($0.1)\"]" }.joined(separator: ",")
        }
        return """
            {"stream":"btcusdt@depth@100ms","data":{"e":"depthUpdate","E":1790370834849,"T":1790370834848,"s":"BTCUSDT",\
            "ps":"BTCUSDT","U":\(last),"u":\(last),"pu":\(previous),"b":[\(list(bids))],"a":[\(list(asks))],"st":1}}
            """
    }

    static func trade(_ id: Int64, _ type: String = "MARKET", price: String = "100.5", quantity: String = "2") -> String
    {
        """
        {"stream":"btcusdt@trade","data":{"e":"trade","E":1790370834849,"T":\(1_790_370_000_000 + id),"s":"BTCUSDT",\
        "t":\(id),"p":"\(price)","q":"\(quantity)","X":"\(type)","m":true,"st":1}}
        """
    }
}

extension Instrument {
    static let linear = Instrument(
        venue: .binanceUSDM, symbol: "BTCUSDT", priceExponent: -2, quantityExponent: -3)
    static let inverse = Instrument(
        venue: .binanceCOINM, symbol: "BTCUSDPERP", venueSymbol: "BTCUSD_PERP", priceExponent: -1, quantityExponent: 0)
    static let pepe = Instrument(
        venue: .binanceUSDM, symbol: "1000PEPEUSDT", priceExponent: -8, quantityExponent: -3)
}

@Suite struct BinanceFuturesTests {
    private static func lab(_ instruments: Instrument...) throws -> Lab {
        try Lab(BinanceConfiguration(instruments: instruments))
    }

    private static func time(_ milliseconds: Int64, at nanoseconds: Int64) -> EventTimes {
        EventTimes(
            venue: Timestamp(nanoseconds: milliseconds * 1_000_000), receive: Timestamp(nanoseconds: nanoseconds))
    }

    // MARK: Payloads

    /// Both readers: as the venue writes it, and behind a space.
    @Test(arguments: ["", " "])
    func depth(space: String) throws {
        for (text, previous, last, milliseconds, bids, asks) in [
            (
                FuturesFrame.depth2024, 1_007_198_631_835, 1_007_198_631_985, 1_723_161_257_462,
                [(617_945, 1_572), (617_865, 89)], [(618_177, 44)]
            ),
            (
                FuturesFrame.depth2026, 11_660_059_836_647, 11_660_059_844_303, 1_790_373_637_613,
                [(829_973, 1_382)], [(837_325, 2_458)]
            ),
        ] as [(String, Int64, Int64, Int64, [(Int64, Int64)], [(Int64, Int64)])] {
            let lab = try Self.lab(.inverse)
            #expect(try lab.frame(space + text, at: 5) == .fetchSnapshot(InstrumentID(0)))
            #expect(
                try lab.snapshot(
                    #"{"symbol":"BTCUSD_PERP","pair":"BTCUSD","lastUpdateId":\#(last - 1),"E":1,"T":1,"bids":[],"asks":[]}"#
                ) == .proceed)
            let update = try #require(lab.books.first)
            #expect(update.updateID == last && update.times == Self.time(milliseconds, at: 5) && previous < last)
            #expect(
                lab.batch.levels[update.bids].map { [$0.price.mantissa, $0.quantity.mantissa] }
                    == bids.map { [$0, $1] })
            #expect(
                lab.batch.levels[update.asks].map { [$0.price.mantissa, $0.quantity.mantissa] }
                    == asks.map { [$0, $1] })
        }
    }

    @Test(arguments: ["", " "])
    func quotes(space: String) throws {
        let inverse = try Self.lab(.inverse)
        try inverse.frame(space + FuturesFrame.quote2024, at: 7)
        #expect(
            inverse.batch.events == [
                .quote(
                    Quote(
                        instrument: InstrumentID(0), times: Self.time(1_723_161_257_465, at: 7),
                        updateID: 1_007_198_632_021, bid: PriceLevel(price: Price(618_047), quantity: Quantity(35)),
                        ask: PriceLevel(price: Price(618_048), quantity: Quantity(1_645))))
            ])
        let linear = try Self.lab(.linear)
        try linear.frame(space + FuturesFrame.quote2026, at: 8)
        #expect(
            linear.batch.events == [
                .quote(
                    Quote(
                        instrument: InstrumentID(0), times: Self.time(1_790_370_834_266, at: 8),
                        updateID: 11_659_858_833_361,
                        bid: PriceLevel(price: Price(8_368_000), quantity: Quantity(7_816)),
                        ask: PriceLevel(price: Price(8_368_010), quantity: Quantity(1_566))))
            ])
    }

    @Test(arguments: ["", " "])
    func trades(space: String) throws {
        let lab = try Self.lab(.linear, .pepe)
        for (text, index, id, price, quantity, side, milliseconds) in [
            (FuturesFrame.trade2024, 0, 5_266_583_935, 6_180_030, 6, .buy, 1_723_161_256_322),
            (FuturesFrame.trade2026, 0, 8_121_136_411, 8_368_000, 1, .sell, 1_790_370_834_848),
            (FuturesFrame.improvedTrade2026, 1, 2_804_511_605, 444_780, 10_403_000, .buy, 1_790_371_723_021),
        ] as [(String, Int, Int64, Int64, Int64, AggressorSide, Int64)] {
            _ = try lab.frame(space + text, at: 9)
            #expect(
                lab.batch.events == [
                    .trade(
                        Trade(
                            instrument: InstrumentID(index), times: Self.time(milliseconds, at: 9), id: id,
                            price: Price(price), quantity: Quantity(quantity), aggressor: side))
                ])
        }
        #expect(lab.isBalanced)
    }

    /// An id without a trade is neither passed on nor missing.
    @Test(arguments: ["NA", "INSURANCE_FUND", "ADL"])
    func tradesOutsideTheBookAreCounted(type: String) throws {
        let lab = try Self.lab(.linear)
        try lab.frame(FuturesFrame.trade(1))
        #expect(try lab.frame(FuturesFrame.trade(2, type, price: "0", quantity: "0")) == .proceed)
        #expect(lab.batch.isEmpty && lab.counts().unknownEvents == 1)
        #expect(try lab.frame(FuturesFrame.trade(3)) == .proceed)
        #expect(lab.tradeIDs == [3] && lab.counts().missedTrades == 0 && lab.lastTradeID() == 3)
        // Also where it comes late or twice, or shows that a trade is missing.
        #expect(try lab.frame(FuturesFrame.trade(2, type)) == .proceed)
        #expect(try lab.frame(FuturesFrame.trade(6, type)) == .fetchTrades(InstrumentID(0)))
        #expect(try lab.frame(FuturesFrame.trade(5, type)) == .proceed)
        #expect(lab.counts().missedTrades == 2 && lab.counts().lateTrades == 1 && lab.missingTrades() == 1)
        #expect(lab.counts().trades == 2 && lab.counts().unknownEvents == 4 && lab.isBalanced)
        try lab.frame(FuturesFrame.emptyTrade2026)
        #expect(lab.batch.isEmpty && lab.counts().unknownEvents == 5 && lab.lastTradeID() == 7_950_493_454)
    }

    /// What is not known is an execution, if it has a price and a size.
    @Test func anUnknownTypeOfTradeIsPassedOn() throws {
        let lab = try Self.lab(.linear)
        try lab.frame(FuturesFrame.trade(1, "SOMETHING"))
        #expect(lab.tradeIDs == [1])
        try lab.frame(FuturesFrame.trade(2).replacing(#""X":"MARKET","#, with: ""))
        #expect(lab.tradeIDs == [2])
        #expect(throws: VenueError.self) { try lab.frame(FuturesFrame.trade(3, "SOMETHING", price: "0")) }
        #expect(throws: VenueError.self) {
            try lab.frame(FuturesFrame.trade(3).replacing(#""X":"MARKET""#, with: #""X":5"#))
        }
        #expect(lab.counts().rejections[.outOfRange] == 1 && lab.counts().rejections[.wrongType] == 1)
        #expect(lab.isBalanced)
    }

    /// Partial books and books with other orders say `depthUpdate` too; aggregates and mark prices are not wanted.
    @Test func otherStreamsAreCounted() throws {
        let lab = try Self.lab(.linear)
        let depth = FuturesFrame.depth(10, 12, bids: [("99.5", "3")])
        for stream in ["rpiDepth@500ms", "depth20@100ms", "depth5", "aggTrade", "markPrice@1s"] {
            #expect(try lab.frame(depth.replacing("depth@100ms", with: stream)) == .proceed)
        }
        #expect(lab.counts().unknownEvents == 5 && lab.counts().depthUpdates == 0)
        for (count, stream) in ["depth", "depth@0ms", "depth@250ms", "depth@500ms", "depth@100ms"].enumerated() {
            _ = try lab.frame(depth.replacing("depth@100ms", with: stream))
            #expect(lab.counts().depthUpdates == UInt64(count + 1))
        }
        try lab.frame(#"{"result":null,"id":1}"#)
        #expect(lab.session.unattributedCounts.acknowledgements == 1)
        #expect(throws: VenueError.refused(code: 2, message: "no")) {
            try lab.frame(#"{"error":{"code":2,"msg":"no"}}"#)
        }
        #expect(
            try lab.frame(FuturesFrame.trade2026.replacing("BTCUSDT", with: "X").replacing("btcusdt", with: "x"))
                == .proceed)
        #expect(lab.session.unattributedCounts.unknownStreams == 1 && lab.isBalanced)
    }

    // MARK: Books

    /// The snapshot may end within an update, with an update, or between two, at an id of another instrument.
    @Test(arguments: [15, 20, 22, 30] as [Int64])
    func everyWayToJoinASnapshot(id: Int64) throws {
        let lab = try Self.lab(.linear)
        #expect(try lab.frame(FuturesFrame.depth(5, 10)) == .fetchSnapshot(InstrumentID(0)))
        for frame in [
            FuturesFrame.depth(10, 20, bids: [("99.5", "1")]), FuturesFrame.depth(20, 30, bids: [("99.5", "2")]),
            FuturesFrame.depth(30, 40, bids: [("99.5", "3")]),
        ] {
            try lab.frame(frame)
        }
        #expect(try lab.snapshot(snapshotBody(id)) == .proceed)
        #expect(lab.validity() == .valid && lab.book().updateID == 40 && lab.counts().gaps == 0)
        #expect(lab.book().bids.quantity(at: Price(9_950)) == Quantity(3_000))
        #expect(lab.counts().chainsPassed == 3 && lab.counts().depthCoveredBySnapshot == UInt64(id / 10))
        #expect(lab.isBalanced)
    }

    @Test func aMissingUpdateDiscardsTheBook() throws {
        let lab = try Self.lab(.linear)
        try lab.frame(FuturesFrame.depth(5, 10))
        try lab.snapshot(snapshotBody(9))
        try lab.frame(FuturesFrame.depth(10, 20))
        #expect(lab.validity() == .valid && lab.counts().chainsPassed == 1)
        // The same again is old; its successor is lost.
        try lab.frame(FuturesFrame.depth(10, 20))
        #expect(lab.counts().depthIgnoredOld == 1)
        #expect(try lab.frame(FuturesFrame.depth(25, 30)) == .fetchSnapshot(InstrumentID(0)))
        #expect(lab.validity() == .resyncing && lab.counts().gaps == 1 && lab.counts().chainsPassed == 1)
        #expect(try lab.snapshot(snapshotBody(24)) == .fetchSnapshot(InstrumentID(0)))
        #expect(lab.counts().snapshotsTooOld == 1)
        // The change before the update held.
        #expect(try lab.snapshot(snapshotBody(25)) == .proceed)
        #expect(lab.validity() == .valid && lab.epoch() == 2 && lab.isBalanced)
    }

    /// Over two connections the chain is that of each.
    @Test func theNewConnectionMayBeAheadOfTheOld() throws {
        let lab = try Self.lab(.linear)
        let (old, new) = (ConnectionID(0), ConnectionID(1))
        lab.session.connectionOpened(old, at: Timestamp(nanoseconds: 0))
        try lab.frame(FuturesFrame.depth(5, 10), from: old)
        try lab.snapshot(snapshotBody(9))
        lab.session.connectionOpened(new, at: Timestamp(nanoseconds: 0))
        try lab.frame(FuturesFrame.depth(14, 20), from: new)
        #expect(lab.batch.isEmpty && lab.validity() == .valid && lab.pending() == 1)
        try lab.frame(FuturesFrame.depth(10, 14), from: old)
        #expect(lab.books.map(\.updateID) == [14, 20] && lab.counts().chainsPassed == 1)
        try lab.frame(FuturesFrame.depth(14, 20), from: old)
        #expect(lab.awaitingHandover() == 0 && lab.counts().gaps == 0 && lab.counts().chainsPassed == 2)
        #expect(lab.isBalanced)
    }

    /// A quote may come after the depth update that contains it: nothing is owed.
    @Test func quotesAndDepthDoNotJudgeEachOther() throws {
        let lab = try Self.lab(.linear)
        let second: Int64 = 1_000_000_000
        lab.session.connectionOpened(at: Timestamp(nanoseconds: 1))
        try lab.frame(FuturesFrame.depth(5, 10), at: second)
        try lab.snapshot(snapshotBody(9))
        let quote = FuturesFrame.quote2026.replacing("11659858833361", with: "8")
        try lab.frame(quote, at: second)
        try lab.frame(FuturesFrame.depth(10, 20, bids: [("100.5", "3")]), at: 2 * second)
        try lab.frame(quote.replacing("\"u\":8", with: "\"u\":30"), at: 20 * second)
        #expect(lab.counts().quoteGaps == 0 && lab.counts().quotes == 2)
        #expect(!lab.checkSilence(at: 21 * second) && lab.silentChannels().isEmpty && lab.validity() == .valid)
    }

    /// Half of the snapshot is left when the next one is asked for.
    @Test func aShallowSnapshotIsDeepenedEarly() throws {
        var configuration = BinanceConfiguration(instruments: [.linear])
        (configuration.depthPublished, configuration.snapshotDepth) = (2, 10)
        let lab = try Lab(configuration)
        try lab.frame(FuturesFrame.depth(5, 10))
        func side(_ price: Int) -> String {
            (0..<10).map { "[\"\(price < 100 ? price - $0 : price + $0)\",\"1\"]" }.joined(separator: ",")
        }
        try lab.snapshot(#"{"lastUpdateId":9,"bids":[\#(side(99))],"asks":[\#(side(101))]}"#)
        for removed in 0..<5 {
            let action = try lab.frame(
                FuturesFrame.depth(Int64(10 + removed), Int64(11 + removed), bids: [("\(99 - removed)", "0")]))
            #expect(action == (removed == 4 ? .fetchSnapshot(InstrumentID(0)) : .proceed), "\(removed)")
        }
        #expect(lab.validity() == .valid && lab.counts().exhaustedBooks == 0)
    }
}
