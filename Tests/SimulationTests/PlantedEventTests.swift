import Foundation
import Microstructure
import TestSupport
import Testing

@testable import Simulation

private let seeds = [20_240_808, testSeed]

/// Every planted event does what it is called, beside the same market without it.
struct PlantedEventTests {
    private static let start: Int64 = 30_000_000_000
    private static let length: Int64 = 40_000_000_000

    /// What a market has shown while the event was on.
    private struct Run {
        var before: [SyntheticBook.Happening] = []
        var buys = 0
        var sells = 0
        var updates: Int64 = 0
        /// Every 100 ms.
        var mids: [Double] = []
        var spreads: [Int64] = []
        /// What rests within a basis point of the best price, bids and asks.
        var bidDepth = 0.0
        var askDepth = 0.0
        /// How many levels that are: one large order does not decide it.
        var bidLevels = 0.0
        var askLevels = 0.0
        var lowestBid = Int64.max
        var firstBid: Int64 = 0
        var midAtEnd = 0.0
        var events: [PlantedEvent] = []
    }

    private func run(_ rule: PlantingRule?, seed: UInt64) -> Run {
        var market = SyntheticBook(
            SyntheticParameters(symbol: "BTCUSDT"), events: rule.map { [$0] } ?? [], seed: seed)
        var run = Run()
        var nextLook = Self.start
        var firstUpdate: Int64?
        while market.nextStep < Self.start + Self.length + 5_000_000_000 {
            let now = market.nextStep
            let isInside = now >= Self.start && now < Self.start + Self.length
            if isInside, firstUpdate == nil {
                firstUpdate = market.updateID
                run.firstBid = market.book.bids.best?.price.mantissa ?? 0
            }
            market.step()
            if now < Self.start { run.before += market.happenings }
            if isInside {
                for happening in market.happenings {
                    switch happening {
                    case .trade(_, _, .buy): run.buys += 1
                    case .trade(_, _, .sell): run.sells += 1
                    case .best(_, let bid, _): run.lowestBid = min(run.lowestBid, bid.price.mantissa)
                    }
                }
                run.updates = market.updateID - (firstUpdate ?? 0)
            }
            market.clearHappenings()
            market.clearChanges()
            guard let bid = market.book.bids.best?.price.mantissa, let ask = market.book.asks.best?.price.mantissa
            else {
                Issue.record("an empty side, seed \(seed)")
                break
            }
            #expect(bid < ask)
            run.midAtEnd = 0.5 * Double(bid + ask)
            guard isInside, now >= nextLook else { continue }
            nextLook += 100_000_000
            run.mids.append(run.midAtEnd)
            run.spreads.append(ask - bid)
            for rank in 0..<100 {
                if rank < market.book.bids.count, bid - market.book.bids[rank].price.mantissa <= 618 {
                    run.bidDepth += Double(market.book.bids[rank].quantity.mantissa)
                    run.bidLevels += 1
                }
                if rank < market.book.asks.count, market.book.asks[rank].price.mantissa - ask <= 618 {
                    run.askDepth += Double(market.book.asks[rank].quantity.mantissa)
                    run.askLevels += 1
                }
            }
        }
        run.events = market.events.filter { $0.end <= Self.start + Self.length }
        return run
    }

    private func pair(
        _ type: PlantedEventType, size: Double, direction: AggressorSide? = nil, seed: UInt64
    ) -> (quiet: Run, event: Run) {
        print("\(type): seed \(seed)")
        let rule = PlantingRule(
            type, timing: .atSeconds([Double(Self.start) / 1e9]),
            lengthSeconds: Double(Self.length) / 1e9...Double(Self.length) / 1e9, sizes: [size], direction: direction)
        let (quiet, event) = (run(nil, seed: seed), run(rule, seed: seed))
        #expect(quiet.before == event.before && !quiet.before.isEmpty, "it began before its time")
        #expect(
            event.events == [
                PlantedEvent(
                    type: type, start: Self.start, end: Self.start + Self.length, size: size,
                    direction: type.hasDirection ? direction : nil)
            ])
        return (quiet, event)
    }

    private func deviation(_ prices: [Double]) -> Double {
        let moves = zip(prices, prices.dropFirst(10)).map { log($1 / $0) }
        return (moves.reduce(0) { $0 + $1 * $1 } / Double(moves.count)).squareRoot()
    }

    @Test(arguments: seeds) func metaorder(seed: UInt64) {
        let (quiet, event) = pair(.metaorder, size: 20, direction: .sell, seed: seed)
        #expect(event.sells > 2 * event.buys && event.sells > quiet.sells)
        #expect(event.midAtEnd < quiet.midAtEnd)
    }

    @Test(arguments: seeds) func sweep(seed: UInt64) {
        let (quiet, event) = pair(.sweep, size: 20, direction: .sell, seed: seed)
        #expect(event.sells > quiet.sells + 3)
    }

    @Test(arguments: seeds) func imbalanceDrift(seed: UInt64) {
        let (quiet, event) = pair(.imbalanceDrift, size: 1, direction: .buy, seed: seed)
        #expect(event.bidLevels / event.askLevels > 1.2 * quiet.bidLevels / quiet.askLevels)
    }

    @Test(arguments: seeds) func volumeBurst(seed: UInt64) {
        let (quiet, event) = pair(.volumeBurst, size: 30, seed: seed)
        #expect(event.buys + event.sells > 2 * (quiet.buys + quiet.sells))
    }

    @Test(arguments: seeds) func volatilityRegime(seed: UInt64) {
        let (quiet, event) = pair(.volatilityRegime, size: 20, seed: seed)
        #expect(deviation(event.mids) > 2 * deviation(quiet.mids))
    }

    @Test(arguments: seeds) func spreadRegime(seed: UInt64) {
        let (quiet, event) = pair(.spreadRegime, size: 40, seed: seed)
        #expect(quiet.spreads.sorted()[200] <= 2 && event.spreads.sorted()[200] >= 30)
    }

    @Test(arguments: seeds) func pumpAndDump(seed: UInt64) {
        let (quiet, event) = pair(.pumpAndDump, size: 500, direction: .buy, seed: seed)
        let (first, peak) = (event.mids[0], event.mids.max() ?? 0)
        #expect(peak / first > 1.03 && event.midAtEnd < 0.99 * peak)
        #expect(event.buys > quiet.buys)
    }

    @Test(arguments: seeds) func spoofing(seed: UInt64) {
        let (quiet, event) = pair(.spoofing, size: 1_000, direction: .buy, seed: seed)
        #expect(event.bidDepth > 5 * event.askDepth && event.bidDepth > 5 * quiet.bidDepth)
    }

    @Test(arguments: seeds) func iceberg(seed: UInt64) {
        let (_, event) = pair(.iceberg, size: 10_000, direction: .buy, seed: seed)
        // As long as there is a reserve, nobody passes it.
        #expect(event.lowestBid >= event.firstBid && event.sells > 0)
    }

    @Test(arguments: seeds) func quoteStuffing(seed: UInt64) {
        let (quiet, event) = pair(.quoteStuffing, size: 30, seed: seed)
        #expect(event.updates > 8 * quiet.updates)
    }

    @Test(arguments: seeds) func flashCrash(seed: UInt64) {
        let (_, event) = pair(.flashCrash, size: 500, direction: .sell, seed: seed)
        let (first, trough) = (event.mids[0], event.mids.min() ?? 0)
        #expect(trough / first < 0.97 && event.midAtEnd / first > 0.5 + 0.5 * trough / first)
    }

    @Test func schedulesAreOfTheirRulesAlone() {
        let burst = PlantingRule(
            .volumeBurst, timing: .everySeconds(5...10), lengthSeconds: 1...3, sizes: [2, 3, 4])
        let other = PlantingRule(.spoofing, symbol: "B", timing: .atSeconds([1, 2]), lengthSeconds: 4...4, sizes: [1])
        var alone = EventSchedule([burst], symbol: "A", seed: 5)
        var both = EventSchedule([burst, other], symbol: "A", seed: 5)
        var here = EventSchedule([other], symbol: "B", seed: 5)
        for second in 0..<100 {
            _ = alone.advance(to: Int64(second) * 1_000_000_000)
            _ = both.advance(to: Int64(second) * 1_000_000_000)
            _ = here.advance(to: Int64(second) * 1_000_000_000)
        }
        #expect(alone.history == both.history && alone.history.count > 7)
        #expect(alone.history.prefix(4).map(\.size) == [2, 3, 4, 2] && alone.history[0].direction == nil)
        #expect(here.history.map(\.start) == [1_000_000_000, 2_000_000_000] && here.active.isEmpty)
        #expect(here.nextChange == .max)
    }
}
