import Detection
import Foundation
import Microstructure
import TestSupport
import Testing

@Suite struct ChangeDetectorTests {
    /// The series of `Oracle/river_vectors.py`, bit for bit.
    private static let series: [Double] = {
        var random = SplitMix64(testSeed: 7)
        return [0.0, 1.5, 1.5, -0.5, -0.5, 3.0, 0.0, 0.25].flatMap { level in
            (0..<500).map { _ in (0..<12).reduce(0.0) { sum, _ in sum + random.uniform() } - 6 + level }
        }
    }()

    private static func alarms(of detector: inout some ChangeDetector) -> [(place: Int, alarm: Alarm)] {
        series.enumerated().compactMap { place, z in
            detector.process(z, at: Timestamp(nanoseconds: Int64(place))).map { (place, $0) }
        }
    }

    private static func at(_ nanoseconds: Int64) -> Timestamp { Timestamp(nanoseconds: nanoseconds) }

    /// The running means are 1, 2, 2 and 3: a rise of 4 above it leaves S⁺ = 0, 0.5, 0, 2.5 and S⁻ = 0, 0, 0, 0.
    @Test func pageHinkleyByHand() {
        var detector = PageHinkley(delta: 0.5, threshold: 3, warmUpObservations: 1)
        let table: [(z: Double, mean: Double, upper: Double, lower: Double)] = [
            (1, 1, 0, 0), (3, 2, 0.5, 0), (2, 2, 0, 0), (6, 3, 2.5, 0),
        ]
        for (index, row) in table.enumerated() {
            #expect(detector.process(row.z, at: Self.at(Int64(index))) == nil)
            #expect((detector.mean, detector.upper, detector.lower) == (row.mean, row.upper, row.lower))
        }
        // The mean becomes 4, 2.5 + (8 − 4 − 0.5) = 6; the side was last 0 at observation 2.
        let alarm = detector.process(8, at: Self.at(4))
        #expect(alarm == Alarm(direction: .up, statistic: 6, onset: Self.at(2)))
        #expect((detector.mean, detector.upper, detector.lower) == (0, 0, 0))
    }

    /// Forgetting ½: weights 1, 1.5, 1.75 of the sum, so the means of 4, 1, 1 are 4, 2 and 10/7.
    @Test func pageHinkleyForgetsByHand() {
        var detector = PageHinkley(delta: 0, threshold: 1e9, forgetting: 0.5)
        for (z, mean) in [(4.0, 4.0), (1, 2), (1, 10.0 / 7)] {
            _ = detector.process(z, at: Self.at(0))
            #expect(abs(detector.mean - mean) < 1e-15)
        }
    }

    /// river 0.26.1, whose mean never forgets and whose `alpha` (here 1) fades the sum instead.
    @Test(arguments: [
        (
            0.5, 20.0,
            [
                (516, 21.42708928959138), (1515, -22.560871606427554), (2505, 20.024246226601235),
                (3008, -20.619901933680524),
            ]
        ),
        (
            0.1, 50.0,
            [
                (532, 51.392035716203225), (1524, -50.40774463503253), (2515, 52.8516638943643),
                (3018, -50.77825529777492), (3736, 50.566273791923216),
            ]
        ),
    ])
    func pageHinkleyEqualsRiver(delta: Double, threshold: Double, expected: [(Int, Double)]) {
        var detector = PageHinkley(delta: delta, threshold: threshold)
        let found = Self.alarms(of: &detector)
        #expect(found.map(\.place) == expected.map(\.0))
        for (found, expected) in zip(found, expected) {
            #expect(abs(found.alarm.statistic - expected.1.magnitude) < 1e-9)
            #expect(found.alarm.direction == (expected.1 > 0 ? .up : .down))
            // The four large shifts lie at 500, 1,500, 2,500 and 3,000; noise can only date them somewhat early.
            if found.place < 3_500 {
                let start = Int64(found.place / 500 * 500)
                #expect((start - 20...Int64(found.place)).contains(found.alarm.onset.nanoseconds))
            }
        }
    }

    /// w = ½: E = 1, then 0.5 + 1 = 1.5; σ² = (1/3)(1 − 1/4) = 1/4, then (1/3)(1 − 1/16) = 5/16.
    @Test func ewmaChartByHand() {
        var chart = EWMAChart(weight: 0.5, threshold: 2.5)
        #expect(chart.process(2, at: Self.at(1)) == nil)
        #expect((chart.average, chart.upper, chart.lower) == (1, 2, 0))
        let alarm = chart.process(2, at: Self.at(2))
        #expect(alarm?.direction == .up && alarm?.onset == Self.at(1))
        #expect(abs((alarm?.statistic ?? .nan) - 1.5 / (5.0 / 16).squareRoot()) < 1e-15)
        #expect((chart.average, chart.upper) == (0, 0))
        // +1 and −4: the average crosses 0 at the second.
        #expect(chart.process(1, at: Self.at(3)) == nil)
        let fall = chart.process(-4, at: Self.at(4))
        #expect(fall?.direction == .down && fall?.onset == Self.at(4))
    }

    /// Exact limits: each observation of independent noise crosses ±2 with the same probability, 4.55 %, also the first.
    /// With weight 1 that is all there is to it: 20,000 draws give 910 ± 4·29.5.
    @Test func ewmaChartOfWeightOneIsShewharts() {
        var random = SplitMix64(testSeed: 11)
        var chart = EWMAChart(weight: 1, threshold: 2)
        var count = 0
        for index in 0..<20_000 where chart.process(random.normal(), at: Self.at(Int64(index))) != nil { count += 1 }
        #expect(abs(count - 910) < 118)
    }

    /// river 0.26.1's window, checked at every observation: where it was cut, and how many observations it then held.
    @Test func adwinEqualsRiver() {
        let strict = [
            (512, 385), (514, 163), (516, 101), (519, 88), (520, 57), (535, 64), (578, 91), (1511, 640), (1513, 162),
            (1514, 115), (1515, 100), (1516, 85), (1518, 71), (1519, 64), (1521, 58), (1526, 55), (1536, 57),
            (1558, 63),
            (2504, 97), (2505, 50), (2506, 35), (2509, 30), (2515, 28), (2525, 30), (3005, 190), (3006, 95), (3007, 64),
            (3008, 41), (3010, 35), (3014, 31), (3020, 29), (3040, 41), (3750, 623), (3777, 394),
        ]
        let loose = [
            (506, 379), (507, 156), (508, 93), (509, 46), (510, 39), (516, 37), (523, 36), (1125, 510), (1504, 49),
            (1505, 42), (1506, 35), (1515, 36), (1520, 33), (1576, 73), (2502, 87), (2503, 28), (2504, 21), (2505, 18),
            (2506, 15), (2513, 18), (3003, 92), (3004, 29), (3005, 22), (3008, 21), (3011, 20), (3016, 21), (3029, 30),
            (3348, 285), (3639, 512), (3642, 227), (3793, 314),
        ]
        for (delta, expected, count, mean) in [
            (0.002, strict, 616, 0.19190080756298933), (0.05, loose, 520, 0.2579610851858545),
        ] {
            // river compares parts of more than `min_window_length + 1` = 2 observations.
            var window = ADWIN(delta: delta, minimumSide: 3)
            var cuts: [(place: Int, count: Int)] = []
            for (place, z) in Self.series.enumerated() {
                guard let alarm = window.process(z, at: Self.at(Int64(place))) else { continue }
                cuts.append((place, window.count))
                #expect(alarm.statistic > 1 && alarm.onset < Self.at(Int64(place)))
            }
            #expect(cuts.map(\.place) == expected.map(\.0) && cuts.map(\.count) == expected.map(\.1))
            #expect(window.count == count && abs(window.mean - mean) < 1e-12)
        }
    }

    /// 0, 0, 4, 4 with sides of two: the means differ by 4, σ² = 4, 1/m = 1 and L = ln(2·ln 4/δ), so ε = √(8L) + 2L/3.
    @Test func adwinByHand() {
        let confidence = log(4 * log(4.0))
        var window = ADWIN(delta: 0.5, minimumSide: 2)
        for (index, z) in [0.0, 0, 4].enumerated() { #expect(window.process(z, at: Self.at(Int64(index))) == nil) }
        #expect(window.process(4, at: Self.at(3)) == nil)
        let bound = (8 * confidence).squareRoot() + 2.0 / 3 * confidence
        #expect(abs(window.upper - 4 / bound) < 1e-15 && window.lower == 0)
        #expect(window.count == 4 && window.mean == 2)
    }

    @Test func adwinKeepsItsLimits() {
        var window = ADWIN(bucketsPerSize: 5, windowLimit: 1_000)
        var random = SplitMix64(testSeed: 3)
        for index in 0..<20_000 {
            _ = window.process(random.normal(), at: Self.at(Int64(index)))
            #expect(window.count <= 1_000)
        }
        #expect(window.count > 500)
    }

    /// A shift of three deviations is found by every detector within 40 observations, on the right side, and dated to
    /// within 20. Seeds are fixed: a false alarm just before the shift would make two of them take it for the level.
    @Test(arguments: [1, 2, 3, 4] as [UInt64], [-3.0, 3.0])
    func findsAPlantedShift(seed: UInt64, shift: Double) {
        func check(_ made: some ChangeDetector) {
            var (detector, random) = (made, SplitMix64(testSeed: seed))
            var found: Alarm?
            for place in 0..<340 where found == nil {
                let z = random.normal() + (place >= 300 ? shift : 0)
                guard let alarm = detector.process(z, at: Self.at(Int64(place))), place >= 300 else { continue }
                if alarm.direction == (shift > 0 ? .up : .down) { found = alarm }
            }
            let name = "\(type(of: made))"
            #expect(found != nil, "\(name)")
            #expect((280...320).contains(found?.onset.nanoseconds ?? 0), "\(name)")
        }
        check(CUSUM(drift: 0.5, threshold: 8))
        check(PageHinkley(delta: 0.5, threshold: 12))
        check(ADWIN(delta: 0.002))
        check(EWMAChart(weight: 0.2, threshold: 4))
    }

    /// What is stored and read back goes on as if nothing had happened, at any place; what is not finite changes nothing.
    @Test(arguments: [testSeed, 9])
    func restoredDetectorsGoOn(seed: UInt64) throws {
        func check<Detector: ChangeDetector>(_ made: Detector) throws {
            var (straight, broken, random) = (made, made, SplitMix64(testSeed: seed))
            var alarms = 0
            for place in 0..<2_000 {
                let z = random.normal() + (place / 400 % 2 == 0 ? 0 : 2)
                let time = Self.at(Int64(place))
                if random.uniform() < 0.02 {
                    let before = (broken.upper, broken.lower)
                    for bad in [Double.nan, .infinity, -.infinity] { #expect(broken.process(bad, at: time) == nil) }
                    #expect((broken.upper, broken.lower) == before)
                    broken = try JSONDecoder().decode(Detector.self, from: JSONEncoder().encode(broken))
                }
                let (left, right) = (straight.process(z, at: time), broken.process(z, at: time))
                #expect(left == right)
                if left != nil { alarms += 1 }
                #expect((straight.upper, straight.lower) == (broken.upper, broken.lower))
                #expect(straight.larger <= straight.threshold || (straight as? PageHinkley) != nil)
            }
            #expect(alarms > 0)
            straight.reset()
            #expect((straight.upper, straight.lower) == (0, 0))
        }
        try check(CUSUM(drift: 0.5, threshold: 5))
        try check(PageHinkley(delta: 0.3, threshold: 15, forgetting: 0.999))
        try check(ADWIN(delta: 0.01))
        try check(EWMAChart(weight: 0.1, threshold: 4))
    }
}
