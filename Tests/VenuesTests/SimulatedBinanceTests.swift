import Microstructure
import Simulation
import Testing

@testable import Venues

/// The simulator's Binance markets read by the session: two implementations of the formats that share no code.
@Suite struct SimulatedBinanceTests {
    struct Market: Sendable, CustomTestStringConvertible {
        let market: BinanceMarket
        let dialect: any VenueDialect
        var stream: @Sendable (MarketFrame) -> Bool = { _ in true }

        var testDescription: String { "\(market)" }
        static let all = [
            Market(market: .global, dialect: BinanceDialect()),
            Market(market: .sbe, dialect: BinanceSBEDialect(), stream: { !$0.isCopy }),
            // The same market's JSON beside its binary frames.
            Market(market: .global, dialect: BinanceSBEDialect(), stream: { $0.isCopy }),
            Market(market: .usdm, dialect: BinanceDialect(.usdm)),
            Market(market: .coinm, dialect: BinanceDialect(.coinm)),
        ]
    }

    /// A market and a session that has its book. A class, since a session cannot be copied.
    private final class Bench {
        var market: any SimulatedMarket
        var session: BinanceSession
        var events = EventBatch()

        init(_ kind: Market) throws {
            var events = EventBatch()
            var market = kind.dialect.serve(
                SyntheticMarket(
                    SyntheticParameters(symbol: "BTCUSDT"), seed: 7, startTime: SyntheticSpecification.usualStart))
            let listing = market.listing
            let instrument = Instrument(
                venue: kind.market.venue, symbol: listing.symbol, priceExponent: -5, quantityExponent: -8,
                tickSize: 1_000, lotSize: 1_000)
            var configuration = BinanceConfiguration(instruments: [instrument])
            configuration.market = kind.market
            configuration.timeUnit = kind.market == .sbe ? .microseconds : .milliseconds
            configuration.snapshotDepth = 1_000
            var session = try BinanceSession(configuration)
            session.connectionOpened(at: market.startTime)
            var count = 0
            var action = VenueAction.proceed
            while action == .proceed || count < 100 {
                let next = try market.nextFrame(dueBy: .max)
                guard let frame = next else { break }
                guard kind.stream(frame), frame.kind != .other else { continue }
                count += 1
                let told = try session.receive(
                    frame.bytes.span, at: market.time(at: frame.due), into: &events)
                if case .fetchSnapshot = told { action = told }
            }
            let answer = market.snapshot(limit: 1_000)
            let snapshot = try #require(answer)
            _ = try session.receiveSnapshot(
                snapshot.span, for: InstrumentID(0), at: market.startTime, into: &events)
            self.market = market
            self.session = session
        }
    }

    @Test(arguments: Market.all)
    func everyBookEqualsTheFramesAsTheSimulatorReadsThem(kind: Market) throws {
        let bench = try Bench(kind)
        var truth = TruthBook()
        // The simulator reads what it sent, from the same snapshot on.
        let answer = bench.market.snapshot(limit: 1_000)
        let body = try #require(answer)
        _ = truth.process(snapshot: try #require(kind.dialect.book(in: body)))
        var (books, trades, tradesSent) = (0, 0, 0)
        for _ in 0..<8_000 {
            let next = try bench.market.nextFrame(dueBy: .max)
            let frame = try #require(next)
            guard kind.stream(frame), frame.kind != .other else { continue }
            if frame.kind == .trade { tradesSent += kind.dialect.trades(in: frame).count }
            if frame.kind == .depth { _ = truth.process(try #require(kind.dialect.depthChange(in: frame))) }
            bench.events.removeAll()
            _ = try bench.session.receive(
                frame.bytes.span, at: bench.market.time(at: frame.due), into: &bench.events)
            for event in bench.events.events {
                if case .trade = event { trades += 1 }
                guard case .book(let book) = event, let record = truth.record(at: book.updateID) else { continue }
                #expect(book.validity == .valid)
                let levels = bench.events.levels
                // 10⁻⁵ and 10⁻⁸ to 10⁻⁸.
                let bids = levels[book.bids].map { [$0.price.mantissa * 1_000, $0.quantity.mantissa] }
                let asks = levels[book.asks].map { [$0.price.mantissa * 1_000, $0.quantity.mantissa] }
                #expect(bids == record.bids.map { [$0.price.mantissa, $0.quantity.mantissa] })
                #expect(asks == record.asks.map { [$0.price.mantissa, $0.quantity.mantissa] })
                books += 1
            }
        }
        let counts = bench.session.counts(of: InstrumentID(0))
        #expect(books > 100, "\(books)")
        #expect(trades == tradesSent && trades > 20)
        #expect(counts.gaps == 0 && counts.rejections.total == 0 && counts.crossedBooks == 0)
        #expect(bench.session.unattributedCounts.messages == 0)
    }

    /// Each fault of a depth message is noticed: the message is refused, or the book is VALID no longer.
    @Test(arguments: Market.all)
    func everyFaultOfADepthMessageIsNoticed(kind: Market) throws {
        let faults: [(name: String, edit: (MarketFrame) -> MarketFrame?)] = [
            ("hole", { kind.dialect.skippingIDs(2, in: $0) }), ("misfit", { kind.dialect.withExcessDecimals($0) }),
            ("malformed", { $0.truncated(toShare: 0.6) }), ("oversized", { kind.dialect.padded($0, toBytes: 2 << 20) }),
        ]
        for fault in faults {
            let bench = try Bench(kind)
            var hasStruck = false
            // The first updates may be, or join, those of the snapshot.
            var updates = 0
            var isNoticed = false
            for _ in 0..<5_000 where !isNoticed {
                let next = try bench.market.nextFrame(dueBy: .max)
                let frame = try #require(next)
                guard kind.stream(frame), frame.kind != .other else { continue }
                var bytes = frame.bytes
                if frame.kind == .depth { updates += 1 }
                if !hasStruck, updates > 20, frame.kind == .depth, let edited = fault.edit(frame) {
                    hasStruck = true
                    bytes = edited.bytes
                }
                do throws(VenueError) {
                    _ = try bench.session.receive(
                        bytes.span, at: bench.market.time(at: frame.due), into: &bench.events)
                    isNoticed = hasStruck && bench.session.validity(of: InstrumentID(0)) != .valid
                } catch {
                    isNoticed = hasStruck
                }
            }
            #expect(isNoticed, "\(fault.name)")
        }
    }
}
