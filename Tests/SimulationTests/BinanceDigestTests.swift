import Microstructure
import Testing

@testable import Simulation

/// The dialect's bytes do not change: digests (`StableHash`, FNV-1a) of the frames and answers that a synthetic market with a
/// fixed seed gave before its texts were separated from it.
@Suite struct BinanceDigestTests {
    private static let specification = SyntheticSpecification.demonstration(symbols: ["BTCUSDT"], seed: 1)

    private static func market(_ specification: SyntheticSpecification) -> any SimulatedMarket {
        BinanceDialect().serve(
            SyntheticMarket(
                specification.markets[0], events: specification.events, seed: specification.seed,
                startTime: SyntheticSpecification.usualStart))
    }

    private let dialect = BinanceDialect()

    private static func text(_ bytes: [UInt8]?) -> String {
        bytes.map { String(decoding: $0, as: UTF8.self) } ?? "none"
    }

    @Test func framesAndSnapshots() throws {
        var market = Self.market(Self.specification)
        var frames = StableHash()
        var snapshots = StableHash()
        for number in 0..<20_000 {
            let next = try market.nextFrame(dueBy: .max)
            let frame = try #require(next)
            frames.combine(frame.text)
            frames.combine(frame.stream)
            frames.combine(UInt64(frame.due))
            frames.combine(UInt64(frame.payload.lowerBound))
            frames.combine(UInt64(frame.payload.upperBound))
            if number % 2_500 == 7 {
                snapshots.combine(Self.text(market.snapshot(limit: 20)))
                snapshots.combine(Self.text(market.snapshot(limit: 5_000)))
            }
        }
        #expect(frames.value == 6_688_189_956_126_474_957)
        #expect(snapshots.value == 15_658_473_646_527_742_644)
    }

    @Test func tradeAnswers() throws {
        var market = Self.market(Self.specification)
        var history = TradeHistory(limit: 500)
        for _ in 0..<20_000 {
            let next = try market.nextFrame(dueBy: .max)
            guard let frame = next, frame.kind == .trade else { continue }
            try history.process(#require(dialect.trade(in: frame)))
        }
        let last = history.lastID
        var digest = StableHash()
        digest.combine(UInt64(last))
        for answers in [
            BinanceTradeAnswers(), BinanceTradeAnswers(movedByMilliseconds: -250, inMicroseconds: true),
        ] {
            digest.combine(Self.text(answers.trades(history, fromID: nil, limit: 100)))
            digest.combine(Self.text(answers.trades(history, fromID: last - 450, limit: 20)))
            digest.combine(Self.text(answers.trades(history, fromID: last - 5_000, limit: 20)))
            digest.combine(Self.text(answers.aggregates(history, from: .newest, limit: 50)))
            digest.combine(Self.text(answers.aggregates(history, from: .id(100), limit: 1_000)))
            digest.combine(Self.text(answers.aggregates(history, from: .id(last / 3), limit: 1_000)))
            let start = SyntheticSpecification.usualStart.bucket(width: 1_000_000)
            digest.combine(Self.text(answers.aggregates(history, from: .time(start + 60_000), limit: 1_000)))
        }
        #expect(digest.value == 3_162_233_428_510_514_808)
    }

    @Test func editedFrames() throws {
        var market = Self.market(Self.specification)
        var digest = StableHash()
        func take(_ frame: MarketFrame?) {
            digest.combine(Self.text(frame?.bytes))
            digest.combine(UInt64(frame?.payload.upperBound ?? 0))
        }
        for _ in 0..<500 {
            let next = try market.nextFrame(dueBy: .max)
            let frame = try #require(next)
            take(dialect.retimed(frame, byMilliseconds: 250, inMicroseconds: false))
            take(dialect.retimed(frame, byMilliseconds: -3, inMicroseconds: true))
            take(frame.truncated(toShare: 0.6))
            take(dialect.padded(frame, toBytes: 2_000))
            take(dialect.withExcessDecimals(frame))
            if frame.kind == .depth {
                take(dialect.skippingIDs(2, in: frame))
                take(dialect.skippingIDs(40, in: frame))
                take(dialect.crossed(frame, ask: 6_180_001_000_000))
            }
        }
        #expect(digest.value == 3_344_221_591_443_251_327)
    }

    @Test func theTruth() throws {
        var market = Self.market(Self.specification)
        var truth = TruthBook()
        var digest = StableHash()
        func take(_ record: TruthBook.Record) {
            digest.combine(UInt64(record.updateID))
            for level in record.bids + record.asks {
                digest.combine(UInt64(level.price.mantissa))
                digest.combine(UInt64(level.quantity.mantissa))
            }
        }
        for number in 0..<5_000 {
            let next = try market.nextFrame(dueBy: .max)
            let frame = try #require(next)
            if frame.kind == .trade { truth.process(tradeID: try #require(dialect.trade(in: frame)).id) }
            if frame.kind == .depth { truth.process(try #require(dialect.depthChange(in: frame))).map(take) }
            if number == 40 || number == 1_000 {
                let snapshot = market.snapshot(limit: 5_000)
                truth.process(snapshot: try #require(snapshot.flatMap(dialect.book))).forEach(take)
            }
        }
        digest.combine(UInt64(truth.trades.first))
        digest.combine(UInt64(truth.trades.last))
        digest.combine(UInt64(truth.trades.count))
        #expect(digest.value == 7_513_774_961_458_704_292)
        #expect(truth.latest != nil)
    }
}
