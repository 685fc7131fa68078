import Microstructure
import TestSupport
import Testing

@testable import Venues

/// Binary frames cut short and damaged.
@Suite struct SBERobustnessTests {
    private static let frames = SBEVector.all.filter { !$0.isRejected }.map(\.frame)

    private static func isBalanced(_ lab: Lab) -> Bool {
        let total = lab.session.totalCounts
        let waiting = lab.session.instruments.indices.reduce(0) { $0 + lab.pending($1) }
        return total.messages == total.outcomes && total.messages >= lab.frames
            && total.depthUpdates == total.depthSettled + UInt64(waiting)
    }

    @Test func everyTruncationIsRejectedAndChangesNothing() throws {
        let lab = try Lab(.sbe())
        try lab.frame(depth(1, 5))
        try lab.snapshot(snapshotBody(4))
        let before = (lab.book(), lab.session.totalCounts)
        var cuts: UInt64 = 0
        // Of another message only the header is read, and a later version may end behind the symbol.
        for vector in SBEVector.all
        where !vector.isRejected && !vector.name.hasPrefix("another") && vector.name != "a part behind the symbol" {
            let frame = vector.frame
            for length in 0..<frame.count {
                cuts += 1
                let error = #expect(throws: VenueError.self) { try lab.frame(Array(frame[..<length])) }
                guard case .rejected(let rejection) = error, rejection.kind == .truncated else {
                    Issue.record("\(frame.prefix(length)): \(String(describing: error))")
                    continue
                }
                #expect(lab.batch.isEmpty && rejection.offset == length)
            }
        }
        var after = lab.session.totalCounts
        #expect(after.rejections[.truncated] == cuts && cuts > 2_500 && Self.isBalanced(lab))
        (after.rejections, after.messages) = (before.1.rejections, before.1.messages)
        #expect(after == before.1 && lab.book() == before.0)
    }

    @Test func damagedBytesNeverTrapAndAreAllAccountedFor() throws {
        var random = SplitMix64(testSeed: testSeed)
        let lab = try Lab(.sbe())
        var (thrown, passed): (UInt64, Int) = (0, 0)
        for round in 0..<100_000 {
            var bytes = Self.frames.randomElement(using: &random)!
            for _ in 0..<Int.random(in: 1...3, using: &random) {
                let place = Int.random(in: 0..<bytes.count, using: &random)
                switch Int.random(in: 0...4, using: &random) {
                case 0: bytes[place] = [0, 1, 0x7F, 0x80, 0xFF].randomElement(using: &random)!
                case 1: bytes.insert(.random(in: 0...255, using: &random), at: place)
                case 2 where bytes.count > 1: bytes.remove(at: place)
                default: bytes[place] ^= 1 << UInt8.random(in: 0..<8, using: &random)
                }
            }
            do {
                if case .fetchSnapshot(let id) = try lab.frame(bytes) {
                    let last = Int64.random(in: 0..<200, using: &random)
                    _ = try lab.snapshot(snapshotBody(last), for: id.index)
                }
            } catch {
                thrown += 1
                #expect(lab.batch.isEmpty)
            }
            passed += lab.batch.events.count
            for update in lab.books {
                let (bid, ask) = (lab.batch.levels[update.bids].first, lab.batch.levels[update.asks].first)
                if let bid, let ask { #expect(bid.price < ask.price) }
            }
            if round % 1_000 == 0 { #expect(Self.isBalanced(lab)) }
        }
        let total = lab.session.totalCounts
        #expect(Self.isBalanced(lab) && total.rejections.total + total.venueErrors == thrown)
        let kinds = RejectionKind.allCases.map { "\($0) \(total.rejections[$0])" }.joined(separator: ", ")
        print("100,000 damaged frames: \(passed) events, \(thrown) thrown (\(kinds))")
        #expect(thrown > 20_000 && passed > 1_000)
    }

    @Test func randomBytesNeverTrap() throws {
        var random = SplitMix64(testSeed: testSeed)
        let lab = try Lab(.sbe())
        for _ in 0..<50_000 {
            var bytes = (0..<Int.random(in: 0...90, using: &random)).map { _ in
                UInt8.random(in: 0...255, using: &random)
            }
            // Often behind a good header.
            if bytes.count >= 8, Bool.random(using: &random) {
                bytes.replaceSubrange(
                    0..<8, with: [18, 0, 0x10 + UInt8.random(in: 0...3, using: &random), 0x27, 1, 0, 0, 0])
            }
            _ = try? lab.frame(bytes)
        }
        #expect(Self.isBalanced(lab))
    }

    /// An id far ahead is of another series: the sums of missed trades stay small.
    @Test func absurdTradeIDsNeverTrap() throws {
        let lab = try Lab(.sbe())
        for round in 0..<Int64(8) {
            for (step, id) in ([5, .max - 1, 7] as [Int64]).enumerated() {
                let time = (2 * round + (step == 2 ? 1 : 0)) * 20_000
                _ = try lab.frame(
                    SBEWriter.trades([
                        RecordedTrade(E: time, T: time, t: id, s: "BTCUSDT", p: "100", q: "1", m: true)
                    ]))
            }
        }
        let counts = lab.counts()
        // Up by far at once, down when the time has passed.
        #expect(counts.restartedSeries == 23 && counts.missedTrades == 0 && counts.trades == 24)
        #expect(Self.isBalanced(lab))
    }

    @Test func aFrameBeyondTheLimitIsNotRead() throws {
        var configuration = BinanceConfiguration.sbe()
        configuration.frameByteLimit = 40
        let lab = try Lab(configuration)
        #expect(throws: VenueError.self) { try lab.frame(Self.frames[0]) }
        #expect(lab.session.unattributedCounts.rejections[.oversized] == 1 && Self.isBalanced(lab))
    }

    /// Against multiplication in 128 bits.
    @Test func unitsAreExact() {
        var random = SplitMix64(testSeed: testSeed)
        func power(_ exponent: Int) -> Int128 { (0..<exponent).reduce(Int128(1)) { result, _ in result * 10 } }
        for _ in 0..<50_000 {
            let places = Int.random(in: -18...18, using: &random)
            let unit = Int8.random(in: -18...9, using: &random)
            var mantissa = Int64.random(in: 0 ... .max, using: &random) >> Int64.random(in: 0..<63, using: &random)
            if places < 0, Bool.random(using: &random) { mantissa -= mantissa % Int64(power(-places)) }
            let units = try? SBEScale(from: Int8(Int(unit) + places), to: unit).units(of: mantissa, at: 0)
            let exact: Int128? =
                places >= 0
                ? Int128(mantissa) * power(places)
                : Int128(mantissa) % power(-places) == 0 ? Int128(mantissa) / power(-places) : nil
            #expect(units == exact.flatMap { Int64(exactly: $0) }, "\(mantissa), \(places)")
        }
        for exponent in Int8.min ... .max {
            #expect((try? SBEScale(from: exponent, to: -8).units(of: 0, at: 0)) == 0)
            let one = try? SBEScale(from: exponent, to: -8).units(of: 1, at: 0)
            #expect(one == ((-8)...10 ~= Int(exponent) ? Int64(power(Int(exponent) + 8)) : nil))
        }
    }
}
