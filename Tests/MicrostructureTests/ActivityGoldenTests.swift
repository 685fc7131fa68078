import Testing

@testable import Microstructure

private let bids: [(Int64, Int64)] = [(99, 4)]
private let asks: [(Int64, Int64)] = [(101, 2)]

/// The columns of activity, flow and cost in small cases whose numbers were worked out by hand.
@Suite struct ActivityGoldenTests {
    // MARK: The venue's messages

    @Test func updateRateCountsTheVenuesChanges() {
        var script = MarketScript()
        script.book(0, bids: bids, asks: asks, updateID: 100)
        script.quote(second / 2, bid: (99, 4), ask: (101, 2), updateID: 140)
        script.book(second / 2, bids: bids, asks: asks, updateID: 120)  // older than the quote
        script.book(second - 1, bids: bids, asks: asks, updateID: 150)
        script.book(second, bids: bids, asks: asks, updateID: 160)
        script.book(5 * second, bids: bids, asks: asks, updateID: 300)
        var engine = FeatureEngine.forTests()
        let vectors = engine.run(script)
        // The first id must be a second old.
        #expect(vectors[0...2].allSatisfy { $0["update_rate_1s"].isNaN })
        #expect(vectors[3]["update_rate_1s"] == 60 && vectors[3]["update_rate_5s"].isNaN)
        // The id at 0 s was 100, that at 4 s 160.
        #expect(vectors[4]["update_rate_1s"] == 140 && vectors[4]["update_rate_5s"] == 40)
        #expect(vectors[4]["update_rate_30s"].isNaN)
    }

    /// Orders that come and go between two books change no level, and yet they are seen.
    @Test func updateRateSeesQuoteStuffing() {
        var script = MarketScript()
        for step in 0..<100 as Range<Int64> {
            script.book(step * second / 10, bids: bids, asks: asks, updateID: step * (step < 50 ? 3 : 500))
        }
        var engine = FeatureEngine.forTests()
        let vectors = engine.run(script)
        #expect(vectors[40]["update_rate_1s"] == 30 && vectors[99]["update_rate_1s"] == 5_000)
        #expect(vectors[99]["bid_additions_1s"] == 0 && vectors[99]["ofi_1s"] == 0)
    }

    @Test func idsThatRestartAreANewBeginning() {
        var script = MarketScript()
        for step in 0..<3 as Range<Int64> { script.book(step * second, bids: bids, asks: asks, updateID: 1_000 + step) }
        // Lower ids are old news for five seconds, then the venue counts anew.
        for step in 3..<9 as Range<Int64> { script.book(step * second, bids: bids, asks: asks, updateID: 4 * step) }
        script.book(9 * second, bids: bids, asks: asks, epoch: 2, updateID: 100)
        script.book(10 * second, bids: bids, asks: asks, epoch: 2, updateID: 103)
        var engine = FeatureEngine.forTests()
        let rates = engine.run(script).map { $0["update_rate_1s"] }
        #expect(rates.map { $0.isNaN ? -1 : $0 } == [-1, 1, 1, 0, 0, 0, 0, -1, 4, -1, 3])
    }

    @Test func quotesAreCountedAndSoAreTheirPrices() {
        var script = MarketScript()
        script.book(0, bids: bids, asks: asks)
        let quotes: [(Int64, Int64, Int64, Int64)] = [
            (0, 1, 99, 101), (second, 2, 99, 101), (4 * second, 3, 100, 102),  // both move
            (4 * second + 1, 4, 99, 102),  // the bid is back: a flicker
            (4 * second + 1, 2, 90, 91),  // old news
            (6 * second, 5, 99, 101),  // the ask is back after two seconds: too slow
        ]
        for (time, id, bid, ask) in quotes { script.quote(time, bid: (bid, 1), ask: (ask, 1), updateID: id) }
        script.book(6 * second, bids: bids, asks: asks)
        script.book(6 * second + 1, bids: bids, asks: asks, epoch: 2)
        script.quote(6 * second + 1, bid: (99, 1), ask: (101, 1), updateID: 9)
        script.book(8 * second, bids: bids, asks: asks, epoch: 2)
        var engine = FeatureEngine.forTests()
        let vectors = engine.run(script)
        #expect(vectors[0]["quote_rate_1s"].isNaN)
        #expect(vectors[1]["quote_rate_1s"] == 1 && vectors[1]["quote_rate_5s"] == 3.0 / 5)
        #expect(vectors[1]["quote_rate_30s"].isNaN && vectors[1]["flicker_30s"].isNaN)
        #expect(vectors[1]["best_price_change_rate_1s"] == 1 && vectors[1]["best_price_change_rate_5s"] == 4.0 / 5)
        #expect(vectors[1]["flicker_5s"] == 1.0 / 5)
        #expect(vectors[2]["quote_rate_1s"].isNaN, "the new epoch has no quotes")
        #expect(vectors[3]["quote_rate_1s"] == 0 && vectors[3]["flicker_5s"].isNaN)
    }

    // MARK: The book

    @Test func whatJoinsAndLeavesTheBookIsSummedBySide() {
        var script = MarketScript()
        script.book(0, bids: [(99, 4), (98, 5), (97, 6)], asks: [(101, 2), (102, 3)])
        // Bid: 99 shrinks by 1, 98 is gone, 97 grows by 2; 96 was not shown before. Ask: 100 joins, 102 grows by 4.
        script.book(1, bids: [(99, 3), (97, 8), (96, 50)], asks: [(100, 1), (101, 2), (102, 7)])
        // Bid: 100 joins with 9; the worst shown is now 97, and 96 is out of sight. Ask: 100 and 101 are gone.
        script.book(second, bids: [(100, 9), (99, 3), (97, 8)], asks: [(102, 7), (103, 1)])
        script.book(second + 1, bids: [(100, 9), (99, 3), (97, 8)], asks: [(102, 7), (103, 1)], validity: .stale)
        script.book(2 * second, bids: [(50, 1)], asks: [(200, 1)])
        script.book(3 * second, bids: [(50, 3)], asks: [(200, 2)])
        var engine = FeatureEngine.forTests(quantityExponent: -1)
        let vectors = engine.run(script)
        #expect(vectors[1]["bid_additions_1s"].isNaN)
        #expect(vectors[2]["bid_additions_1s"] == 1.1 && vectors[2]["bid_removals_1s"] == 0.6)
        #expect(vectors[2]["ask_additions_1s"] == 0.5 && vectors[2]["ask_removals_1s"] == 0.3)
        #expect(vectors[2]["addition_imbalance_1s"] == 6.0 / 16)
        #expect(vectors[2]["removal_imbalance_1s"] == -3.0 / 9, "more left the bid: selling pressure")
        #expect(vectors[2]["bid_additions_5s"].isNaN)
        // The chain begins again after a book that was not trusted.
        #expect(vectors[3]["bid_additions_1s"].isNaN)
        #expect(vectors[4]["bid_additions_1s"] == 0.2 && vectors[4]["ask_additions_1s"] == 0.1)
        #expect(vectors[4]["removal_imbalance_1s"].isNaN)
    }

    @Test func depthBandsReachAsFarAsTheyAreWide() {
        var script = MarketScript()
        // The mid is 10,000: 5 bps are 5 units, 25 bps 25.
        let bids = [9_999, 9_995, 9_994, 9_975, 9_974].map { (Int64($0), Int64(10)) }
        let asks = [10_001, 10_006, 10_025, 10_026].map { (Int64($0), Int64(1)) }
        script.book(0, bids: bids, asks: asks)
        // A mid of 10,000.5 lies 5.5 from 9,995 and 10,006: more than 5.00025.
        script.book(1, bids: bids, asks: [(10_002, 1), (10_006, 1)])
        script.book(2, bids: bids, asks: [])
        let many = (1...30).map { (Int64(10_000 - $0), Int64(1)) }
        script.book(3, bids: many, asks: [(10_001, 1)])
        var engine = FeatureEngine.forTests()
        let vectors = engine.run(script)
        #expect(vectors[0]["bid_depth_5bps"] == 20 && vectors[0]["ask_depth_5bps"] == 1)
        #expect(vectors[0]["bid_depth_25bps"] == 40 && vectors[0]["ask_depth_25bps"] == 3)
        #expect(vectors[0]["depth_imbalance_5bps"] == 19.0 / 21 && vectors[0]["depth_imbalance_25bps"] == 37.0 / 43)
        #expect(vectors[1]["bid_depth_5bps"] == 10 && vectors[1]["ask_depth_5bps"] == 1)
        #expect(vectors[2]["bid_depth_5bps"].isNaN && vectors[2]["depth_imbalance_25bps"].isNaN)
        #expect(vectors[3]["bid_depth_25bps"] == 20, "of thirty levels the best twenty")
    }

    @Test func resilienceIsWhatIsBackAfterASecond() {
        var script = MarketScript()
        script.book(0, bids: bids, asks: [(101, 4), (102, 4), (110, 2), (120, 90)])
        script.trade(10, price: 101, size: 4, .buy, venue: 7)
        script.trade(11, price: 102, size: 3, .buy, venue: 7)
        script.book(100, bids: bids, asks: [(102, 1), (110, 2), (120, 90)])
        script.book(second, bids: bids, asks: [(100, 5), (102, 20), (110, 2), (120, 90), (130, 7)])
        script.book(second + 11, bids: bids, asks: [(102, 20)])
        script.book(second + 12, bids: bids, asks: [(102, 20)], epoch: 2)
        var engine = FeatureEngine.forTests()
        let values = engine.run(script).map { $0["resilience"] }
        #expect(values[0...2].allSatisfy { $0.isNaN })
        // Before: 100. In force a second after the trade at the second price: 5 + 20 + 2 + 90, beyond 120 nothing.
        #expect(values[3] == 1.17)
        #expect(values[4].isNaN)
    }

    /// A book that was not trusted in between does not say what came back.
    @Test func resilienceNeedsATrustedBook() {
        var script = MarketScript()
        script.book(0, bids: bids, asks: asks)
        script.trade(10, price: 99, size: 4, .sell, venue: 7)
        script.trade(11, price: 98, size: 3, .sell, venue: 7)
        script.heartbeat(12, .stale)
        script.book(2 * second, bids: bids, asks: asks)
        script.trade(2 * second, price: 99, size: 2, .sell, venue: 2 * second + 6)
        script.trade(2 * second, price: 98, size: 2, .sell, venue: 2 * second + 6)
        script.book(3 * second - 1, bids: [(99, 3)], asks: asks)
        script.book(3 * second, bids: bids, asks: asks)
        var engine = FeatureEngine.forTests()
        let values = engine.run(script).map { $0["resilience"] }
        #expect(values.dropLast().allSatisfy { $0.isNaN } && values.last == 0.75)
    }

    /// A book that is not older than the sweep does not say what the sweep met.
    @Test(arguments: [(venue: Int64(6), isSeen: true), (venue: Int64(7), isSeen: false)])
    func resilienceNeedsABookFromBeforeTheSweep(venue: Int64, isSeen: Bool) {
        var script = MarketScript()
        script.book(0, bids: bids, asks: [(101, 4), (102, 4)], venue: venue)
        script.trade(10, price: 101, size: 4, .buy, venue: 7)
        script.trade(11, price: 102, size: 3, .buy, venue: 7)
        script.book(100, bids: bids, asks: [(102, 2)])
        script.heartbeat(2 * second)
        script.heartbeat(3 * second)
        var engine = FeatureEngine.forTests()
        let last = engine.run(script).last?["resilience"] ?? .nan
        #expect(isSeen ? last == 0.25 : last.isNaN)
    }

    // MARK: Takers

    @Test func takersAreCountedNotTrades() {
        var script = MarketScript()
        script.trade(0, price: 100, size: 5, .buy, venue: 1)
        script.trade(1, price: 101, size: 6, .buy, venue: 1)
        script.trade(2, price: 103, size: 7, .buy, venue: 1)
        script.trade(3, price: 100, size: 8, .sell, venue: 1)
        script.trade(second - 1, price: 100, size: 9, .sell, venue: 2)
        script.heartbeat(second - 1)
        script.trade(second, price: 100, size: 1, .sell, venue: 2)
        script.heartbeat(second)
        script.heartbeat(40 * second)
        var engine = FeatureEngine.forTests(quantityExponent: -1)
        let vectors = engine.run(script)
        #expect(vectors[0]["taker_count_1s"] == 3 && vectors[0]["taker_imbalance_1s"] == -1.0 / 3)
        #expect(vectors[0]["largest_taker_1s"] == 1.8 && vectors[0]["sweep_prices_1s"] == 3)
        // The first taker is a second old; the last one has grown.
        #expect(vectors[1]["taker_count_1s"] == 2 && vectors[1]["taker_imbalance_1s"] == -1)
        #expect(vectors[1]["largest_taker_1s"] == 1 && vectors[1]["sweep_prices_1s"] == 1)
        #expect(vectors[1]["largest_taker_5s"] == 1.8 && vectors[1]["trade_count_5s"] == 6)
        #expect(vectors[2]["taker_count_30s"] == 0 && vectors[2]["taker_imbalance_30s"].isNaN)
        #expect(vectors[2]["largest_taker_30s"] == 0 && vectors[2]["sweep_prices_30s"] == 0)
    }

    @Test func theMedianIsOfCompleteTakers() {
        var script = MarketScript()
        for size in 1...51 as ClosedRange<Int64> {
            script.trade(size, size: size)
            if size > 49 { script.heartbeat(size) }
        }
        var engine = FeatureEngine.forTests()
        let medians = engine.run(script).map { $0["median_taker_50"] }
        // Sizes 1 to 50, and 51 is still open: of 25 and 26 the lower.
        #expect(medians[0].isNaN && medians[1] == 25)
    }

    @Test func flowScoreIsInItsOwnDeviations() {
        let parameters = FeatureParameters(
            flowScoreWindowSeconds: [1, 2], flowScoreMemorySeconds: 4, flowScoreMinimum: 2)
        var script = MarketScript()
        script.trade(1, size: 50)  // in the first second, which does not count
        script.trade(second, size: 3, .buy)
        script.trade(2 * second, size: 4, .sell)
        script.heartbeat(3 * second - 1)
        script.trade(3 * second, size: 6, .buy)
        script.heartbeat(3 * second)
        script.heartbeat(7 * second)
        var engine = FeatureEngine.forTests(parameters)
        let vectors = engine.run(script)
        #expect(vectors[0]["flow_z_1s"].isNaN)
        // Of 3 and −4 the mean square is 12.5; of the sums of two seconds there is only −1.
        #expect(vectors[1]["flow_z_1s"] == 6 / 12.5.squareRoot() && vectors[1]["flow_z_2s"].isNaN)
        // Sums of two seconds: −1, 2, 6, 0, 0, of which the fifth has a weight of a quarter.
        #expect(vectors[2]["flow_z_1s"] == 0 && vectors[2]["flow_z_2s"] == 0)
        script.trade(7 * second, size: 1, .sell)
        script.heartbeat(7 * second)
        var again = FeatureEngine.forTests(parameters)
        let meanSquare = (1.0 + 4 + 36 + 0) / 4 * 3 / 4
        #expect(isClose(again.run(script)[3]["flow_z_2s"], -1 / meanSquare.squareRoot()))
    }

    // MARK: Trades beside the best prices

    /// An iceberg of the ask shows 2 and is traded for 6. It does not matter whether quotes come first.
    @Test(arguments: [true, false]) func replenishmentIsWhatTradesDoNotTakeAway(quotesFirst: Bool) {
        var script = MarketScript()
        script.book(0, bids: bids, asks: asks)
        script.quote(0, bid: (99, 4), ask: (101, 2), updateID: 1)
        var id: Int64 = 1
        func take(_ time: Int64, _ size: Int64, ask: (Int64, Int64)) {
            id += 1
            if quotesFirst { script.quote(time, bid: (99, 4), ask: ask, updateID: id) }
            script.trade(time, price: 101, size: size, .buy, venue: time)
            if !quotesFirst { script.quote(time, bid: (99, 4), ask: ask, updateID: id) }
        }
        take(second, 1, ask: (101, 1))  // as it should be
        take(2 * second, 1, ask: (101, 2))  // refilled: 2
        take(3 * second, 2, ask: (101, 2))  // refilled: 2
        script.book(5 * second, bids: bids, asks: asks)
        take(6 * second, 2, ask: (105, 9))  // eaten up, and nothing is refilled
        id += 1
        script.quote(7 * second, bid: (99, 1), ask: (105, 9), updateID: id)  // a bid of 3 is cancelled
        id += 1
        script.quote(7 * second, bid: (100, 8), ask: (103, 1), updateID: id)  // better prices fill nothing
        script.book(7 * second, bids: bids, asks: asks)
        var engine = FeatureEngine.forTests()
        let vectors = engine.run(script)
        #expect(vectors[0]["ask_replenishment_5s"].isNaN)
        #expect(vectors[1]["ask_replenishment_5s"] == 4 && vectors[1]["bid_replenishment_5s"] == 0)
        #expect(vectors[1]["replenishment_imbalance_5s"] == -1 && vectors[1]["ask_replenishment_30s"].isNaN)
        #expect(vectors[2]["ask_replenishment_5s"] == 2 && vectors[2]["bid_replenishment_5s"] == -3)
        #expect(vectors[2]["replenishment_imbalance_5s"] == -1)
    }

    /// A sweep takes the levels behind the best price too: they were never visible there.
    @Test func onlyTheFirstPriceOfATakerIsAtTheTouch() {
        var script = MarketScript()
        script.book(0, bids: bids, asks: asks)
        script.quote(0, bid: (99, 4), ask: (101, 2), updateID: 1)
        script.quote(second, bid: (99, 4), ask: (104, 1), updateID: 2)
        script.trade(second, price: 101, size: 2, .buy, venue: 3)
        script.trade(second, price: 103, size: 50, .buy, venue: 3)
        script.book(5 * second, bids: bids, asks: asks)
        var engine = FeatureEngine.forTests()
        #expect(engine.run(script)[1]["ask_replenishment_5s"] == 0)
    }

    @Test(arguments: [true, false]) func spreadsAreAgainstTheMidThatTheTakerMet(quotesFirst: Bool) {
        var script = MarketScript()
        script.book(0, bids: [(9_990, 5)], asks: [(10_010, 5)])
        script.quote(0, bid: (9_990, 5), ask: (10_010, 5), updateID: 1)
        let after = { (script: inout MarketScript) in
            script.quote(second, bid: (10_000, 5), ask: (10_030, 5), updateID: 2)
        }
        if quotesFirst { after(&script) }
        script.trade(second, price: 10_010, size: 5, .buy, venue: 3)
        script.trade(second, price: 10_020, size: 15, .buy, venue: 3)
        if !quotesFirst { after(&script) }
        script.book(second, bids: [(10_000, 5)], asks: [(10_030, 5)])
        // No state of the best prices lets a seller have 10,050.
        script.trade(second, price: 10_050, size: 100, .sell, venue: 3)
        script.book(6 * second, bids: [(10_000, 5)], asks: [(10_030, 5)])
        var engine = FeatureEngine.forTests()
        let vectors = engine.run(script)
        #expect(vectors[0]["effective_spread_5s"].isNaN)
        // Against 10,000: 20 bps for 5 and 40 bps for 15.
        #expect(isClose(vectors[1]["effective_spread_5s"], 35) && vectors[1]["realized_spread_5s"].isNaN)
        // Five seconds later the mid is 10,015: −10 bps and +10 bps.
        #expect(vectors[2]["effective_spread_5s"].isNaN && isClose(vectors[2]["effective_spread_30s"], 35))
        #expect(isClose(vectors[2]["realized_spread_5s"], 5) && isClose(vectors[2]["realized_spread_30s"], 5))
    }

    @Test func aNewEpochForgetsWhatLookedBackAtTheBook() {
        var script = MarketScript()
        func live(_ seconds: Range<Int64>, epoch: UInt64) {
            for step in seconds {
                let time = step * second
                script.quote(time, bid: (99, 4 + step % 3), ask: (101, 2 + step % 2), updateID: step)
                script.trade(time, price: 101, size: 1, .buy, venue: time)
                script.trade(time, price: 102, size: 1, .buy, venue: time)
                script.book(
                    time, bids: [(99, 4 + step % 3)], asks: [(101, 2), (102, 9 - step % 3)], epoch: epoch,
                    updateID: step)
            }
        }
        live(0..<40, epoch: 1)
        live(40..<42, epoch: 2)
        var engine = FeatureEngine.forTests()
        let vectors = engine.run(script)
        let columns = FeatureSchema().columns.filter { ActivityDefinitionTests.covers($0.name) }
        for column in columns where column.source.isResetByBookEpoch && !column.name.contains("bps") {
            #expect(!vectors[39][column.name].isNaN, "\(column.name)")
            #expect(vectors[40][column.name].isNaN, "\(column.name)")
        }
        for column in columns where !column.source.isResetByBookEpoch {
            // Fifty takers, and sixty sums of a second, take longer.
            let isSlow = column.name.hasPrefix("median") || column.name.hasPrefix("flow_z")
            #expect(vectors[40][column.name].isNaN == isSlow, "\(column.name)")
        }
    }
}
