import Microstructure
import TestSupport
import Testing

@testable import Venues

/// Futures' frames in every other spelling, cut short, and damaged.
@Suite struct BinanceFuturesRobustnessTests {
    /// Frames of two instruments of one market.
    private static let frames = [
        FuturesFrame.depth(
            10, 12, bids: [("99.40", "0.000"), ("99.5", "3")], asks: [("101.5", "1.25"), ("101.7", "12")]),
        FuturesFrame.trade(77), FuturesFrame.trade(78, "RPI", price: "100.50", quantity: "0.25"),
        FuturesFrame.trade(79, "NA", price: "0", quantity: "0"), FuturesFrame.trade2024, FuturesFrame.trade2026,
        FuturesFrame.improvedTrade2026, FuturesFrame.quote2026,
        FuturesFrame.quote2026.replacing(#""e":"bookTicker","u":11659858833361"#, with: #""u":5,"e":"bookTicker""#),
        FuturesFrame.quote2026.replacing(#","ps":"BTCUSDT""#, with: "").replacing(#","st":1"#, with: ""),
        FuturesFrame.depth(10, 13).replacing("depth@100ms", with: "depth@0ms"),
    ]

    /// The first book loaded at id 10 and waiting for the update that joins it.
    private func lab() throws -> Lab {
        let lab = try Lab(BinanceConfiguration(instruments: [.linear, .pepe]))
        try lab.frame(FuturesFrame.depth(4, 5))
        try lab.snapshot(snapshotBody(10))
        return lab
    }

    private enum Outcome: Equatable {
        case action(VenueAction)
        case rejection(RejectionKind)
        case refusal
    }

    private static func outcome(_ lab: Lab, _ bytes: [UInt8]) -> Outcome {
        do throws(VenueError) {
            return .action(try lab.frame(bytes, at: 42))
        } catch {
            if case .rejected(let rejection) = error { return .rejection(rejection.kind) }
            return .refusal
        }
    }

    @Test func keyOrderWhiteSpaceAndUnknownKeysDoNotMatter() throws {
        var random = SplitMix64(testSeed: testSeed)
        for frame in Self.frames {
            let reference = try lab()
            let expected = Self.outcome(reference, Array(frame.utf8))
            var draw = Random(seed: random.next())
            for _ in 0..<100 {
                let variant = Node(parsing: frame).text(shuffledWith: &draw)
                let lab = try lab()
                #expect(Self.outcome(lab, Array(variant.utf8)) == expected, "\(variant)")
                #expect(lab.batch.events == reference.batch.events && lab.batch.levels == reference.batch.levels)
                #expect(lab.session.totalCounts == reference.session.totalCounts && lab.isBalanced, "\(variant)")
            }
        }
    }

    /// Frames as the venue writes them take the short way, those of trades outside the book excepted.
    @Test func canonicalFramesAreRecognised() throws {
        let instruments: [Instrument] = [.linear, .pepe, .inverse]
        let symbols = try #require(SymbolTable(instruments.map(\.venueSymbol)))
        let scales = instruments.map { PriceScale($0) }
        func isCanonical(_ text: String, of market: BinanceMarket = .usdm) -> Bool {
            var (bids, asks): ([PriceLevel], [PriceLevel]) = ([], [])
            return JSONScanner.scan(Array(text.utf8).span) { scanner in
                CanonicalFrame(
                    &scanner, of: market, symbols: symbols, scales: scales, unit: .milliseconds,
                    at: Timestamp(nanoseconds: 1), bids: &bids, asks: &asks) != nil
            }
        }
        for frame in Self.frames + FuturesFrame.all {
            #expect(isCanonical(frame) == !frame.contains(#""NA""#), "\(frame)")
            for other in [" \(frame)", "\(frame) ", "\(frame)}", frame.replacing(":", with: ": ")] {
                #expect(!isCanonical(other))
            }
            #expect(!isCanonical(frame, of: .global))
        }
        #expect(!isCanonical(FuturesFrame.depth(10, 10)) && !isCanonical(FuturesFrame.depth(11, 10)))
    }

    @Test func everyTruncationIsRejectedAndChangesNothing() throws {
        let lab = try lab()
        let before = (lab.book(), lab.session.totalCounts)
        var cuts: UInt64 = 0
        for frame in Self.frames.map({ Array($0.utf8) }) {
            for length in 0..<frame.count {
                cuts += 1
                #expect(Self.outcome(lab, Array(frame[..<length])) == .rejection(.truncated))
                #expect(lab.batch.isEmpty)
            }
        }
        var after = lab.session.totalCounts
        #expect(after.rejections[.truncated] == cuts && cuts > 1_500 && lab.isBalanced)
        (after.rejections, after.messages) = (before.1.rejections, before.1.messages)
        #expect(after == before.1 && lab.book() == before.0)
    }

    /// A space before a frame sends it the long way: whatever a frame says, it must say the same on both.
    @Test func bothReadingsOfAFrameSayTheSame() throws {
        var random = SplitMix64(testSeed: testSeed)
        let alphabet = Array("{}[]\",:.-0123456789usEabBAtTpqmMXtruefals\\ @".utf8)
        var (taken, rejected) = (0, 0)
        for _ in 0..<1_500 {
            let (short, long) = (try lab(), try lab())
            for _ in 0..<20 {
                var bytes = Array(Self.frames.randomElement(using: &random)!.utf8)
                for _ in 0..<Int.random(in: 0...2, using: &random) {
                    let place = Int.random(in: 0..<bytes.count, using: &random)
                    switch Int.random(in: 0...3, using: &random) {
                    case 0: bytes[place] ^= 1 << UInt8.random(in: 0..<8, using: &random)
                    case 1: bytes.remove(at: place)
                    case 2: bytes.insert(alphabet.randomElement(using: &random)!, at: place)
                    // Numbers of every length, around the readers' seven, ten and sixteen digits.
                    default:
                        let digits = (0..<Int.random(in: 1...18, using: &random)).map { _ in
                            UInt8(ascii: "0") + .random(in: 0...9, using: &random)
                        }
                        let digit = bytes[place...].firstIndex { (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) }
                        bytes.insert(contentsOf: digits, at: digit ?? place)
                    }
                }
                let text = String(decoding: bytes, as: UTF8.self)
                let result = Self.outcome(short, bytes)
                #expect(result == Self.outcome(long, [UInt8(ascii: " ")] + bytes), "\(text)")
                #expect(
                    short.batch.events == long.batch.events && short.batch.levels == long.batch.levels, "\(text)")
                #expect(short.session.totalCounts == long.session.totalCounts, "\(text)")
                if case .rejection = result { rejected += 1 }
                if case .action = result, !short.batch.isEmpty { taken += 1 }
            }
            #expect(short.book() == long.book() && short.isBalanced)
        }
        #expect(taken > 1_000 && rejected > 1_000)
    }

    @Test func damagedBytesNeverTrapAndAreAllAccountedFor() throws {
        var random = SplitMix64(testSeed: testSeed)
        let corpus = Self.frames.map { Array($0.utf8) }
        let lab = try lab()
        var thrown: UInt64 = 0
        for round in 0..<40_000 {
            var bytes = corpus.randomElement(using: &random)!
            for _ in 0..<Int.random(in: 1...3, using: &random) {
                bytes[Int.random(in: 0..<bytes.count, using: &random)] ^= 1 << UInt8.random(in: 0..<8, using: &random)
            }
            do {
                if case .fetchSnapshot(let id) = try lab.frame(bytes) {
                    try lab.snapshot(snapshotBody(100), for: id.index)
                }
            } catch {
                thrown += 1
                #expect(lab.batch.isEmpty)
            }
            for update in lab.books {
                let (bid, ask) = (lab.batch.levels[update.bids].first, lab.batch.levels[update.asks].first)
                if let bid, let ask { #expect(bid.price < ask.price) }
            }
            if round % 1_000 == 0 { #expect(lab.isBalanced) }
        }
        let total = lab.session.totalCounts
        #expect(lab.isBalanced && total.rejections.total + total.venueErrors == thrown && thrown > 10_000)
    }

    /// Numbers at the ends of their ranges: counted, never a trap.
    @Test(
        arguments: [
            (#""pu":10,"#, #""pu":9223372036854775807,"#, RejectionKind.outOfRange),
            (#""pu":10,"#, #""pu":9223372036854775806,"#, .outOfRange), (#""pu":10,"#, #""pu":-1,"#, .outOfRange),
            (#""pu":10,"#, #""pu":12,"#, .outOfRange), (#""pu":10,"#, #""pu":"10","#, .wrongType),
            (#""pu":10,"#, "", .missingField), (#""pu":10,"#, #""pu":1.5,"#, .badNumber),
            (#""u":12,"#, #""u":9223372036854775807,"#, .outOfRange),
            (#""T":1790370834848"#, #""T":9223372036854775807"#, .outOfRange),
            (#""T":1790370834848"#, #""X":1"#, .missingField),
            (#""s":"BTCUSDT""#, #""s":"1000PEPEUSDT""#, .wrongSymbol),
            (#""99.5","3""#, #""99.5","0.0001""#, .doesNotFitInstrument), (#""99.5","3""#, #""0","3""#, .outOfRange),
            (#""99.5","3""#, #""99.5","99999999999999999999""#, .outOfRange),
        ])
    func absurdNumbers(part: String, other: String, kind: RejectionKind) throws {
        let lab = try lab()
        let frame = Self.frames[0]
        #expect(frame.contains(part))
        #expect(Self.outcome(lab, Array(frame.replacing(part, with: other).utf8)) == .rejection(kind))
        #expect(lab.counts().rejections[kind] == 1 && lab.batch.isEmpty && lab.isBalanced)
        #expect(Self.outcome(lab, Array(frame.utf8)) == .action(.proceed) && lab.books.count == 1)
    }
}
