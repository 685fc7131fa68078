@testable import Detection
import Foundation
import Microstructure
import RealModule
import TestSupport
import Testing

/// Shifts of all columns together, signatures of events in them, and what a calibration learns of both.
@Suite struct EventTests {
    private static let features = [
        "bid_depth_10", "ask_depth_10", "trade_imbalance_1s", "spread_bps", "mid", "trade_count_1s",
    ]
    private static let schema = FeatureSchema(columns: features.compactMap { FeatureSchema().column($0) }, id: 0)
    private static let watch = EventWatch(
        columns: [
            .init("bid_depth_10", .ratio, mirror: "ask_depth_10"),
            .init("ask_depth_10", .ratio, mirror: "bid_depth_10"),
            .init("trade_imbalance_1s", .difference), .init("spread_bps", .ratio), .init("mid", .growth),
            .init("trade_count_1s", .ratio),
        ], horizonSeconds: [1, 4, 10], baselineHalfLifeSeconds: 40, scaleHalfLifeSeconds: 90, warmUpSeconds: 120)

    private struct Vector {
        var row: [Double]
        var header: FeatureHeader
    }

    /// Two vectors a second; now and then a value is missing.
    private static func market(seconds: Int, from random: inout SplitMix64) -> [Vector] {
        var mid = 100.0
        return (0..<2 * seconds).map { half in
            mid *= Double.exp(2e-5 * random.normal())
            var row = [
                10 * Double.exp(0.2 * random.normal()), 10 * Double.exp(0.2 * random.normal()), random.normal(),
                1 + random.uniform(), mid, (random.uniform() * 8).rounded(.down),
            ]
            if random.chance(0.05) { row[Int.random(in: 0..<6, using: &random)] = .nan }
            return Vector(row: row, header: .at(Int64(half) * 500_000_000 + 1))
        }
    }

    /// The market in which buyers are sellers.
    private static func mirrored(_ vectors: [Vector]) -> [Vector] {
        vectors.map { vector in
            let row = vector.row
            return Vector(row: [row[1], row[0], -row[2], row[3], 1e4 / row[4], row[5]], header: vector.header)
        }
    }

    private static func detector(_ watch: EventWatch = watch) throws -> EventDetector {
        try EventDetector(watch, schema: schema)
    }

    // MARK: Shifts

    /// What the panel keeps in rings and running sums, from all that was seen so far.
    private struct LiteralPanel {
        var seconds: [[Double]] = []
        var scales: [Double] = Array(repeating: 0, count: 18)
        var compared = Array(repeating: 0, count: 6)

        /// The shifts after one more second; `values` are its means, NaN where there was none.
        mutating func shifts(after values: [Double]) -> [Double] {
            seconds.append(values)
            var shifts: [Double] = []
            for column in 0..<6 {
                // The baseline of each second so far: of what is at least ten seconds older.
                var (baseline, variance, age) = (0.0, 0.0, 0)
                var baselines: [Double] = []
                for second in seconds.indices {
                    if second >= 10, !seconds[second - 10][column].isNaN {
                        age += 1
                        var step = seconds[second - 10][column] - baseline
                        let limit = 3 * variance.squareRoot()
                        if age > 60, limit > 0 { step = min(max(step, -limit), limit) }
                        let weight = max(1 - Double.exp2(-1.0 / 40), 1 / Double(age))
                        baseline += weight * step
                        variance += weight * (step * step - variance)
                    }
                    // Until then, the last value.
                    if age == 0, !seconds[second][column].isNaN { baseline = seconds[second][column] }
                    baselines.append(baseline)
                }
                if age > 0 { compared[column] += 1 }
                for (rank, horizon) in [1, 4, 10].enumerated() {
                    guard age > 0 else {
                        shifts.append(0)
                        continue
                    }
                    let mean =
                        (0..<horizon).reduce(0.0) { sum, back in
                            let second = seconds.count - 1 - back
                            let value = seconds[second][column]
                            return sum + (value.isNaN ? baselines[second] : value)
                        } / Double(horizon)
                    let isRatio = [0, 1, 3, 5].contains(column)
                    let y = isRatio ? Double.log((mean + 0.1 * baseline) / (1.1 * baseline)) : mean - baseline
                    let place = column * 3 + rank
                    let isWarm = seconds.count >= 120 && compared[column] >= 60
                    shifts.append(isWarm ? y / scales[place] : 0)
                    let magnitude = isWarm ? min(abs(y), 3 * scales[place]) : abs(y)
                    let weight = max(1 - Double.exp2(-1.0 / 90), 1 / Double(compared[column]))
                    let step = scales[place] > 0 ? weight : 1
                    scales[place] += step * (magnitude * (Double.pi / 2).squareRoot() - scales[place])
                }
            }
            return shifts
        }
    }

    @Test(arguments: testSeeds)
    func shiftsEqualTheirDefinition(seed: UInt64) throws {
        var random = SplitMix64(testSeed: seed)
        let vectors = Self.market(seconds: 260, from: &random)
        var detector = try Self.detector()
        var literal = LiteralPanel()
        var lastMid = Double.nan
        var compared = 0
        for (index, vector) in vectors.enumerated() {
            guard detector.process(vector.row.span, at: vector.header.times.receive) else { continue }
            // The vector opened a new second: the two before it are complete.
            let pair = [vectors[index - 2].row, vectors[index - 1].row]
            var means = (0..<6).map { column in
                let known = pair.map { $0[column] }.filter { !$0.isNaN }
                return known.isEmpty ? .nan : known.reduce(0, +) / Double(known.count)
            }
            let mid = means[4]
            means[4] = 1e4 * Double.log(mid / lastMid)
            if !mid.isNaN { lastMid = mid }
            let expected = literal.shifts(after: means)
            for (place, value) in expected.enumerated() where abs(detector.state.shifts[place] - value) > 1e-7 {
                Issue.record(
                    "second \(literal.seconds.count), place \(place): \(detector.state.shifts[place]), \(value)")
            }
            compared += expected.count { $0 != 0 }
        }
        #expect(compared > 2_000)
    }

    @Test func theMirrorImageHasTheMirroredShifts() throws {
        var random = SplitMix64(testSeed: 3)
        let vectors = Self.market(seconds: 200, from: &random)
        var (plain, mirrored) = (try Self.detector(), try Self.detector())
        for (vector, other) in zip(vectors, Self.mirrored(vectors)) {
            plain.process(vector.row.span, at: vector.header.times.receive)
            mirrored.process(other.row.span, at: other.header.times.receive)
        }
        let mirror = ShiftLayout(Self.watch, isSigned: plain.isSigned).mirror
        #expect(mirror.indices.allSatisfy { mirror[mirror[$0]] == $0 })
        #expect(plain.excesses.contains { $0 > 0 })
        for (place, partner) in mirror.enumerated() {
            #expect(abs(plain.excesses[place] - mirrored.excesses[partner]) < 1e-6)
        }
    }

    /// After a silence nothing of before is compared, and the baselines stand.
    @Test func aSilenceEmptiesTheHorizons() throws {
        var random = SplitMix64(testSeed: 4)
        var detector = try Self.detector()
        let vectors = Self.market(seconds: 200, from: &random)
        for vector in vectors { detector.process(vector.row.span, at: vector.header.times.receive) }
        let calm = detector
        // Ten times the depth for three seconds, then nothing for a minute.
        for half in 400..<406 {
            detector.process(
                [100, 10, 0, 1.5, 100, 4].span, at: FeatureHeader.at(Int64(half) * 500_000_000 + 1).times.receive)
        }
        #expect((detector.state.shifts.max() ?? 0) > 4)
        detector.process([.nan, 10, 0, 1.5, 100, 4].span, at: FeatureHeader.at(263_000_000_001).times.receive)
        detector.process([.nan, 10, 0, 1.5, 100, 4].span, at: FeatureHeader.at(264_000_000_001).times.receive)
        #expect(detector.state.shifts[0..<3].allSatisfy { abs($0) < 1e-9 }, "\(detector.state.shifts)")
        #expect(calm.isWarm)
    }

    /// A market that begins without a trade is not deaf to trades for ever.
    @Test func aColumnThatStoodStillIsSeenToMove() throws {
        var detector = try Self.detector()
        var random = SplitMix64(testSeed: 12)
        for (index, vector) in Self.market(seconds: 900, from: &random).enumerated() {
            var row = vector.row
            if index < 400 { row[5] = 0 }
            // From 860 s on, five times as many.
            if index >= 1_720 { row[5] *= 5 }
            detector.process(row.span, at: vector.header.times.receive)
        }
        let shifts = detector.state.shifts[15..<18]
        #expect(shifts.allSatisfy { $0 > 1 && $0 < 50 }, "\(shifts)")
    }

    // MARK: Learning

    @Test func momentsAreThoseOfTheRows() {
        var random = SplitMix64(testSeed: 5)
        let rows = (0..<300).map { _ in (0..<6).map { _ in max(0, random.normal()) } }
        let mirror = [1, 0, 3, 2, 5, 4]
        var moments = ExcessMoments(width: 6)
        for row in rows { moments.add(row) }
        let both = rows + rows.map { row in mirror.map { row[$0] } }
        for (sample, mean, covariance) in [
            (rows, moments.mean(), moments.covariance(mirror: nil)),
            (both, moments.mean(mirror: mirror), moments.covariance(mirror: mirror)),
        ] {
            let count = Double(sample.count)
            for a in 0..<6 {
                #expect(abs(mean[a] - sample.reduce(0) { $0 + $1[a] } / count) < 1e-12)
                for b in 0..<6 {
                    let product = sample.reduce(0) { $0 + ($1[a] - mean[a]) * ($1[b] - mean[b]) } / count
                    #expect(abs(covariance[a * 6 + b] - product) < 1e-10)
                }
            }
        }
    }

    @Test func aSystemIsSolved() {
        var random = SplitMix64(testSeed: 6)
        let order = 12
        let rows = (0..<40).map { _ in (0..<order).map { _ in random.normal() } }
        var matrix = Array(repeating: 0.0, count: order * order)
        for a in 0..<order {
            for b in 0..<order { matrix[a * order + b] = rows.reduce(0) { $0 + $1[a] * $1[b] } }
        }
        let solution = (0..<order).map { _ in random.normal() }
        var vector = (0..<order).map { row in (0..<order).reduce(0.0) { $0 + matrix[row * order + $1] * solution[$1] } }
        var copy = matrix
        Cholesky.solve(&copy, order: order, &vector)
        for (found, expected) in zip(vector, solution) { #expect(abs(found - expected) < 1e-9) }
    }

    /// A sell-off every 400 seconds: fewer bids, and trades at six times their rate.
    private static func plant(_ vectors: [Vector], sellOffs: Bool = true) -> ([Vector], [TaughtEvent]) {
        var events: [TaughtEvent] = []
        var vectors = vectors
        for start in stride(from: 300, to: vectors.count / 2 - 60, by: 400) {
            let isSale = sellOffs || events.count % 2 == 0
            for index in 2 * start..<2 * (start + 50) {
                vectors[index].row[isSale ? 0 : 1] *= 0.55
                vectors[index].row[5] = vectors[index].row[5] * 2 + 3
            }
            events.append(
                TaughtEvent(
                    symbol: "AB", kind: sellOff, start: vectors[2 * start].header.times.receive,
                    end: vectors[2 * (start + 50)].header.times.receive, direction: isSale ? .down : .up))
        }
        return (vectors, events)
    }

    private static let sellOff = EventKind(rawValue: "sell_off") ?? .drift

    private static func series(_ vectors: [Vector]) -> CalibrationSeries {
        var series = CalibrationSeries(venue: .binance, symbol: "AB", columns: schema.columns)
        for vector in vectors { series.append(vector.row, header: vector.header) }
        return series
    }

    /// Taught sell-offs, for 400 signals a day.
    private static let taught = Result { try teach() }

    private static func teach() throws -> Calibration {
        var random = SplitMix64(testSeed: 7)
        let (vectors, events) = plant(market(seconds: 4_000, from: &random))
        var lesson = EventLesson(watch, events: events)
        for vector in vectors {
            try lesson.process(
                vector.row.span, header: vector.header, market: 0, symbol: "AB", schema: schema, events: events)
        }
        var base = Profile.untaught
        base.events = watch
        return try Calibration(
            [series(market(seconds: 6_000, from: &random))], base: base, signalsPerDay: 400, gain: 0, lesson: lesson)
    }

    private static func signals(_ bank: inout DetectorBank, _ vectors: [Vector]) -> [Signal] {
        var signals: [Signal] = []
        for vector in vectors { bank.process(vector.row.span, header: vector.header, into: &signals) }
        return signals
    }

    @Test func whatWasTaughtIsFoundOnEitherSide() throws {
        var random = SplitMix64(testSeed: 10)
        let calibration = try Self.taught.get()
        let terms = try #require(calibration.profile.events?.signatures.first?.terms)
        // Selling was taught; the terms are those of buying: fewer asks, more trades.
        #expect(terms.contains { $0.feature == "ask_depth_10" && !$0.isRise && $0.weight > 0 && $0.excess > 0 })
        #expect(terms.contains { $0.feature == "trade_count_1s" && $0.isRise && $0.weight > 0 })
        // At most what was asked for, up to its own chance.
        #expect((20...27).contains(calibration.signalCount), "\(calibration.signalCount)")

        let (vectors, events) = Self.plant(Self.market(seconds: 3_000, from: &random), sellOffs: false)
        var bank = try DetectorBank(venue: .binance, symbol: "AB", schema: Self.schema, profile: calibration.profile)
        let signals = Self.signals(&bank, vectors)
        var found = 0
        for event in events {
            guard let signal = signals.first(where: { $0.detected >= event.start && $0.detected < event.end }) else {
                continue
            }
            found += 1
            #expect(signal.subtype == Self.sellOff && signal.subtypeProbability == 1)
            #expect(signal.direction == event.direction)
            #expect(
                signal.onset <= signal.detected && signal.onset >= event.start.advanced(byNanoseconds: -2_000_000_000))
            #expect(abs(signal.evidence.reduce(0) { $0 + $1.share } - signal.score) < 1e-12)
            #expect(signal.evidence.allSatisfy { $0.detector == "shift" && $0.horizonSeconds != nil })
        }
        #expect(found >= events.count - 1, "\(found) of \(events.count)")
    }

    /// Live equals replay: a bank from a checkpoint gives the same bits.
    @Test func aCheckpointGoesOn() throws {
        var random = SplitMix64(testSeed: 8)
        let profile = try Self.taught.get().profile
        let (vectors, _) = Self.plant(Self.market(seconds: 3_000, from: &random))
        var bank = try DetectorBank(venue: .binance, symbol: "AB", schema: Self.schema, profile: profile)
        let whole = Self.signals(&bank, vectors)
        #expect(whole.count > 3)
        let encoder = JSONEncoder()
        encoder.nonConformingFloatEncodingStrategy = .convertToString(
            positiveInfinity: "inf", negativeInfinity: "-inf", nan: "nan")
        let decoder = JSONDecoder()
        decoder.nonConformingFloatDecodingStrategy = .convertFromString(
            positiveInfinity: "inf", negativeInfinity: "-inf", nan: "nan")
        for cut in [1, 777, 2 * 1_117 + 1] {
            var first = try DetectorBank(venue: .binance, symbol: "AB", schema: Self.schema, profile: profile)
            let before = Self.signals(&first, Array(vectors[..<cut]))
            let file = try encoder.encode(first)
            var second = try decoder.decode(DetectorBank.self, from: file)
            #expect(before + Self.signals(&second, Array(vectors[cut...])) == whole, "cut at \(cut)")
        }
        // A second beyond what nanoseconds can count.
        let text = String(decoding: try encoder.encode(bank), as: UTF8.self)
        let second = try #require(text.firstRange(of: #/"second":[0-9]+/#))
        let damaged = text.replacingCharacters(in: second, with: "\"second\":-9223372036854775808")
        #expect(throws: DecodingError.self) { try decoder.decode(DetectorBank.self, from: Data(damaged.utf8)) }
        var other = profile
        other.events?.horizonSeconds = [1, 4, 10, 20]
        let strange = try DetectorBank(venue: .binance, symbol: "AB", schema: Self.schema, profile: other)
        var mixed = try #require(JSONSerialization.jsonObject(with: try encoder.encode(strange)) as? [String: Any])
        let plain = try #require(JSONSerialization.jsonObject(with: try encoder.encode(bank)) as? [String: Any])
        mixed["events"] = plain["events"]
        let file = try JSONSerialization.data(withJSONObject: mixed)
        #expect(throws: DecodingError.self) { try decoder.decode(DetectorBank.self, from: file) }
    }

    /// Without events to learn from, signatures keep what they look for and are weighed for the new market.
    @Test func signaturesAreWeighedAnew() throws {
        var random = SplitMix64(testSeed: 9)
        let taught = try Self.taught.get().profile
        // Trades are counted differently here.
        var vectors = Self.market(seconds: 6_000, from: &random)
        for index in vectors.indices where random.chance(0.5) { vectors[index].row[5] += 1 }
        let calibration = try Calibration([Self.series(vectors)], base: taught, signalsPerDay: 400, gain: 0)
        let (old, new) = (taught.events?.signatures ?? [], calibration.profile.events?.signatures ?? [])
        #expect(!new.isEmpty && new.count == old.count)
        for (old, new) in zip(old, new) {
            #expect(old.terms.map(\.feature) == new.terms.map(\.feature))
            #expect(old.terms.map(\.excess) == new.terms.map(\.excess))
            #expect(old.terms.map(\.weight) != new.terms.map(\.weight))
            #expect(old.tail != new.tail)
        }
    }

    /// A market of which only the trades are known: what was learnt of its book weighs nothing there.
    @Test func aColumnWithoutValuesWeighsNothing() throws {
        var random = SplitMix64(testSeed: 11)
        var vectors = Self.market(seconds: 6_000, from: &random)
        for index in vectors.indices { (vectors[index].row[0], vectors[index].row[1]) = (.nan, .nan) }
        let base = try Self.taught.get().profile
        let calibration = try Calibration([Self.series(vectors)], base: base, signalsPerDay: 400, gain: 0)
        let terms = (calibration.profile.events?.signatures ?? []).flatMap(\.terms)
        #expect(terms.contains { $0.feature == "bid_depth_10" && $0.excess != 0 })
        #expect(terms.allSatisfy { !$0.feature.hasSuffix("depth_10") || $0.weight == 0 })
        #expect(terms.contains { $0.feature == "trade_count_1s" && $0.weight > 0 })
    }

    @Test func aWatchThatCannotBeIsRefused() {
        func problem(_ change: (inout EventWatch) -> Void) -> ProfileError? {
            var profile = Profile.untaught
            profile.budget = Profile.Budget(signalsPerDay: 24, evidenceThreshold: 8)
            var watch = EventWatch()
            change(&watch)
            profile.events = watch
            do throws(ProfileError) {
                try profile.validate()
                return nil
            } catch {
                return error
            }
        }
        #expect(problem { _ in } == nil)
        #expect(problem { $0.horizonSeconds = [5, 1] } == .horizonsNotAscending)
        #expect(problem { $0.columns[0].mirror = "ofi" } == .unmatchedMirror("spread_bps"))
        #expect(problem { $0.columns.append($0.columns[0]) } == .namedTwice("events.columns spread_bps"))
        #expect(problem { $0.warmUpSeconds = 1 } != nil)
        #expect(
            problem {
                $0.signatures = [EventSignature(kind: .drift, type: .drift, hasSide: true, terms: [])]
            } == .noTail("drift"))
        #expect(
            problem {
                let term = EventSignature.Term("ofi", horizonSeconds: 7, isRise: true, excess: 1, weight: 1)
                $0.signatures = [EventSignature(kind: .drift, type: .drift, hasSide: true, terms: [term])]
            } != nil)
        var profile = Profile.untaught
        #expect(throws: ProfileError.eventsNeedABudget) { try profile.validate() }
        profile.events = nil
        #expect(throws: ProfileError.self) { try profile.validate() }
    }
}
