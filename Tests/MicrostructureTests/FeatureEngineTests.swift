import Testing

@testable import Microstructure

private let bids: [(Int64, Int64)] = [(99, 4)]
private let asks: [(Int64, Int64)] = [(101, 2)]
private let bookColumns = FeatureSchema().names.prefix(11)

@Suite struct FeatureEngineTests {
    // MARK: When a vector is written

    @Test func onlyBeliefWritesAndHeartbeatsFillTheSilence() {
        var script = MarketScript()
        script.heartbeat(0, .resyncing)  // 0: writes, no book came
        script.book(1, bids: bids, asks: asks, validity: .resyncing)  // 1: silent
        script.heartbeat(2)  // 2: writes, but no book is known
        script.trade(3)  // 3: silent
        script.quote(4)  // 4: silent
        script.book(5, bids: bids, asks: asks)  // 5: writes
        script.heartbeat(6)  // 6: silent, a book came
        script.heartbeat(7)  // 7: writes, with the known book
        script.heartbeat(8, .stale)  // 8: writes, book not believed
        script.heartbeat(9)  // 9: writes, believed again
        script.book(10, bids: bids, asks: asks, validity: .stale)  // 10: silent
        script.heartbeat(11)  // 11: writes, book unknown
        var engine = FeatureEngine.forTests()
        let vectors = engine.run(script)
        #expect(vectors.map(\.index) == [0, 2, 5, 7, 8, 9, 11])
        #expect(vectors.map(\.header.validity) == [.resyncing, .valid, .valid, .valid, .stale, .valid, .valid])
        #expect(vectors.map { $0["mid"].isNaN } == [true, true, false, false, true, false, true])
        for vector in vectors {
            #expect(vector["trade_volume_1s"] == (vector.index < 3 ? 0 : 1))
            if vector["mid"].isNaN { #expect(bookColumns.allSatisfy { vector[$0].isNaN }) }
            #expect(vector.header.times == MarketScript.times(Int64(vector.index)))
            #expect(vector.header.instrument == MarketScript.id && vector.header.epoch == 1)
        }
    }

    @Test func nothingMovedSinceTheLastVectorMeansNoDrift() {
        var script = MarketScript()
        script.book(0, bids: [(99, 1)], asks: [(101, 1)])
        script.book(1, bids: [(99, 3)], asks: [(101, 1)])
        script.heartbeat(2)
        script.heartbeat(3)
        var engine = FeatureEngine.forTests()
        let drifts = engine.run(script).map { $0["microprice_drift"] }
        #expect(drifts[0].isNaN && drifts[1] == 0.5 && drifts[2] == 0)
    }

    // MARK: Epochs

    @Test func aNewEpochForgetsTheBookAndKeepsTheTrades() {
        var script = MarketScript()
        script.trade(0, price: 100, size: 5)
        script.trade(1, price: 110, size: 6)
        for step in 2..<32 as Range<Int64> { script.book(step, bids: bids, asks: asks) }
        script.heartbeat(32)
        script.heartbeat(33, epoch: 2)
        for step in 34..<54 as Range<Int64> { script.book(step, bids: bids, asks: asks, epoch: 2) }
        var engine = FeatureEngine.forTests()
        let vectors = engine.run(script)
        #expect(vectors.count == 51)
        #expect(vectors[29]["spread_compression"] == 1 && vectors[29]["microprice_drift"] == 0)
        #expect(vectors[30].header.epoch == 2 && bookColumns.allSatisfy { vectors[30][$0].isNaN })
        #expect(vectors[31].header.epoch == 2 && vectors[31]["mid"] == 100)
        #expect(vectors[31]["microprice_drift"].isNaN && vectors[32]["microprice_drift"] == 0)
        #expect(vectors[31...49].allSatisfy { $0["spread_compression"].isNaN })
        #expect(vectors[50]["spread_compression"] == 1)
        #expect(vectors.allSatisfy { $0["trade_volume_30s"] == 11 })
        #expect(Set(vectors.map { $0["realized_vol_30s"] }).count == 1)
    }

    @Test func anUnbelievedUpdateOfANewEpochResetsToo() {
        var script = MarketScript()
        script.book(0, bids: bids, asks: asks)
        script.book(1, bids: bids, asks: asks, epoch: 2, validity: .resyncing)
        script.book(2, bids: bids, asks: asks, epoch: 2)
        script.book(3, bids: bids, asks: asks, epoch: 1)
        var engine = FeatureEngine.forTests()
        let vectors = engine.run(script)
        #expect(vectors.map(\.index) == [0, 2, 3])
        #expect(vectors.allSatisfy { $0["microprice_drift"].isNaN })
    }

    // MARK: Doubt

    /// What lies between two books that were believed is unknown if the one in between was not: no difference spans it.
    @Test func noDifferenceSpansADoubt() {
        for spell in [true, false] {
            var script = MarketScript()
            script.book(0, bids: [(99, 1)], asks: [(101, 1)])
            script.book(1, bids: [(99, 3)], asks: [(101, 1)])
            if spell { script.heartbeat(2, .stale) } else { script.book(2, bids: bids, asks: asks, validity: .stale) }
            script.book(3, bids: [(95, 1)], asks: [(97, 1)])
            script.book(4, bids: [(95, 1)], asks: [(97, 3)])
            var engine = FeatureEngine.forTests()
            let vectors = engine.run(script)
            #expect(vectors.map { $0["microprice_drift"].isNaN } == [true, false, true, false])
            #expect(vectors.map { $0["mlofi_1"].isNaN } == [true, false, true, false])
            #expect(vectors[3]["microprice_drift"] == -0.5 && vectors[3]["ofi"] == -2)
        }
    }

    // MARK: Quotes

    /// A feed whose quotes stop falls back on its book, and returns to its quotes.
    @Test func orderFlowOutlivesItsQuotes() {
        var script = MarketScript()
        script.book(0, bids: bids, asks: asks)
        script.quote(1, bid: (99, 4), ask: (101, 2), updateID: 1)
        script.quote(2, bid: (99, 6), ask: (101, 2), updateID: 2)
        script.book(3, bids: [(99, 6)], asks: asks)  // 1: from the quotes
        // The book moves, and no quote says so.
        script.book(10 * second, bids: [(99, 9)], asks: asks)  // 2: perhaps the quote is late
        script.book(14 * second, bids: [(99, 10)], asks: asks)  // 3
        script.book(15 * second, bids: [(99, 12)], asks: asks)  // 4: it will not come; the book begins
        script.book(16 * second, bids: [(99, 15)], asks: asks)  // 5
        script.quote(17 * second, bid: (99, 15), ask: (101, 2), updateID: 3)
        script.heartbeat(18 * second)
        script.heartbeat(19 * second)  // 6: the quotes have begun again
        script.quote(19 * second, bid: (99, 16), ask: (101, 2), updateID: 4)
        script.book(20 * second, bids: [(99, 16)], asks: asks)  // 7
        var engine = FeatureEngine.forTests()
        let flows = engine.run(script).map { $0["ofi"] }
        #expect(flows.map { $0.isNaN ? -1 : $0 } == [-1, 2, 0, 0, -1, 3, -1, 1])
    }

    /// Quiet quotes that the book agrees with have not stopped, however long they are quiet.
    @Test func quietQuotesAreWaitedFor() {
        var script = MarketScript()
        script.book(0, bids: bids, asks: asks)
        script.quote(1, bid: (99, 4), ask: (101, 2), updateID: 1)
        script.quote(2, bid: (99, 5), ask: (101, 2), updateID: 2)
        for step in 1...20 as ClosedRange<Int64> { script.book(step * second, bids: [(99, 5)], asks: asks) }
        var engine = FeatureEngine.forTests()
        #expect(engine.run(script).suffix(19).allSatisfy { $0["ofi"] == 0 })
        script = MarketScript()
        script.book(21 * second, bids: [(99, 7)], asks: asks)
        script.quote(21 * second + 1, bid: (99, 7), ask: (101, 2), updateID: 3)
        script.quote(21 * second + 2, bid: (99, 8), ask: (101, 2), updateID: 4)
        script.book(22 * second, bids: [(99, 8)], asks: asks)
        #expect(engine.run(script).last?["ofi"] == 3)
    }

    /// One absurd update id silences the quotes for seconds, not for the rest of the epoch.
    @Test func anAbsurdUpdateIDIsOutlived() {
        var script = MarketScript()
        script.book(0, bids: bids, asks: asks)
        script.quote(1, bid: (99, 4), ask: (101, 2), updateID: .max)
        for step in 0..<8 as Range<Int64> {
            script.quote(2 + step * second, bid: (99, 4 + step), ask: (101, 2), updateID: step)
            script.heartbeat(3 + step * second)
        }
        var engine = FeatureEngine.forTests()
        #expect(engine.run(script).last?["ofi"] == 1)
    }

    // MARK: Time

    @Test func aWindowExcludesItsBeginAndIncludesItsEnd() {
        for (width, column) in [(1, "trade_count_1s"), (5, "trade_count_5s"), (30, "trade_count_30s")] {
            var script = MarketScript()
            let time: Int64 = 1_700_000_000 * second + 17
            script.trade(time)
            script.heartbeat(time)
            script.heartbeat(time + Int64(width) * second - 1)
            script.heartbeat(time + Int64(width) * second)
            var engine = FeatureEngine.forTests()
            #expect(engine.run(script).map { $0[column] } == [1, 1, 0])
        }
    }

    @Test func realizedVolatilityLooksBackAcrossTheWindow() {
        var script = MarketScript()
        script.heartbeat(0)
        script.trade(0, price: 100)
        script.heartbeat(1)
        script.trade(10 * second, price: 200)
        script.heartbeat(10 * second)
        script.heartbeat(11 * second)
        script.trade(12 * second, price: 0)
        script.trade(12 * second, price: -5)
        script.trade(12 * second, price: 100)
        script.heartbeat(12 * second)
        var engine = FeatureEngine.forTests()
        let values = engine.run(script).map { $0["realized_vol_1s"] }
        #expect(values[0].isNaN && values[1].isNaN)
        #expect(isClose(values[2], 0.6931471805599453))
        #expect(values[3] == 0)
        #expect(isClose(values[4], 0.6931471805599453))
        #expect(engine.counters.ignoredPrices == 2)
        // Such trades are volume all the same.
        #expect(engine.values[engine.schema.index(of: "trade_count_1s") ?? 0] == 3)
    }

    @Test func eventsOfThePastAreTakenNow() {
        var script = MarketScript()
        script.heartbeat(100 * second)
        script.trade(50 * second, size: 8)
        script.heartbeat(100 * second)
        script.heartbeat(20 * second)
        script.heartbeat(101 * second)
        var engine = FeatureEngine.forTests()
        let vectors = engine.run(script)
        #expect(vectors.map { $0["trade_volume_1s"] } == [0, 8, 8, 0])
        #expect(vectors[2].header.times.receive.nanoseconds == 20 * second)
        #expect(vectors[2]["minute"] == 1)
        #expect(engine.counters.lateEvents == 2)
    }

    @Test func aLeapForwardEmptiesTheWindowsAndTheHistory() {
        var script = MarketScript()
        for step in 0..<200 as Range<Int64> { script.trade(step * second / 4, price: 100 + step, size: step) }
        script.heartbeat(50 * second)
        script.heartbeat(50 * second + 100 * 365 * 86_400 * second)
        script.heartbeat(.max)
        var engine = FeatureEngine.forTests()
        let vectors = engine.run(script)
        #expect(!vectors[0]["volume_z_1s"].isNaN && vectors[0]["trade_count_30s"] > 100)
        #expect(vectors[0]["realized_vol_30s"] > 0)
        for vector in vectors.dropFirst() {
            #expect(vector["trade_count_30s"] == 0 && vector["trade_volume_30s"] == 0)
            // 120 empty buckets have no deviation.
            #expect(vector["volume_z_1s"].isNaN && vector["volume_z_30s"].isNaN)
            #expect(vector["realized_vol_30s"] == 0)
        }
    }

    // MARK: What is set aside

    @Test func whatIsNotMarketIsCountedAndIgnored() {
        var script = MarketScript()
        script.trade(0, size: 1)
        script.trade(1, size: -4)
        script.trade(2, size: 16, isBackfilled: true)
        script.trade(3, size: 64, id: InstrumentID(99))
        script.book(4, bids: bids, asks: asks, id: InstrumentID(99))
        script.trade(5, size: 0)
        script.heartbeat(6)
        var engine = FeatureEngine.forTests()
        let vectors = engine.run(script)
        #expect(vectors.count == 1)
        #expect(vectors[0]["trade_volume_1s"] == 1 && vectors[0]["trade_count_1s"] == 2)
        #expect(vectors[0]["mid"].isNaN)
        #expect(engine.counters.invalidTrades == 1 && engine.counters.backfilledTrades == 1)
        #expect(engine.counters.foreignEvents == 2 && engine.counters.lateEvents == 0)
    }

    @Test func aFullTradeRingForgetsTheOldestAndSaysSo() {
        var script = MarketScript()
        for size in 1...5 as ClosedRange<Int64> { script.trade(size, size: size) }
        script.heartbeat(6)
        var engine = FeatureEngine.forTests(FeatureParameters(tradeLimit: 3))
        let vector = engine.run(script)[0]
        for window in ["1s", "5s", "30s"] {
            #expect(vector["trade_count_\(window)"] == 3 && vector["trade_volume_\(window)"] == 12)
        }
        #expect(engine.counters.earlyExpiries == 2)
    }

    // MARK: Books that are not whole

    @Test func oneSidedAndEmptyBooksAreUndefinedWhereTheyMustBe() {
        var script = MarketScript()
        script.book(0, bids: [(99, 4)], asks: [])
        script.book(1, bids: [], asks: [(101, 2)])
        script.book(2, bids: [], asks: [])
        script.book(3, bids: [(99, 0)], asks: [(101, 0)])
        script.book(4, bids: [(-3, 1)], asks: [(3, 1)])
        var engine = FeatureEngine.forTests()
        let vectors = engine.run(script)
        for vector in vectors.prefix(3) {
            for name in ["mid", "spread", "spread_bps", "microprice", "microprice_drift"] {
                #expect(vector[name].isNaN)
            }
        }
        #expect(vectors[0]["imbalance_5"] == 1 && vectors[0]["depth_ratio"].isNaN && vectors[0]["ask_depth_10"] == 0)
        #expect(vectors[1]["imbalance_5"] == -1 && vectors[1]["depth_ratio"] == 0)
        #expect(vectors[2]["imbalance_5"].isNaN && vectors[2]["bid_depth_10"] == 0)
        #expect(vectors[3]["mid"] == 100 && vectors[3]["imbalance_5"].isNaN && vectors[3]["microprice"].isNaN)
        #expect(vectors[4]["mid"] == 0 && vectors[4]["spread"] == 6 && vectors[4]["spread_bps"].isNaN)
    }
}
