import Detection
import Foundation
import Microstructure
import TestSupport
import Testing

@Suite struct AverageRunLengthTests {
    /// Two-sided, k = 0.5, no shift. To four digits they are REFERENCE.md's; the rest is from the integral equation for
    /// the run length itself, which has another kernel, at 300 nodes (numpy 2.4.6, scipy 1.17.1),
    /// at h = 10, where double precision no longer suffices for that, with 30 digits (mpmath).
    static let exact = [
        (1.0, 5.604428195876593), (3, 58.79785211396571), (4, 167.68378881350858), (5, 465.4435060310247),
        (8, 9482.86377191082), (10, 70132.4897550075531),
    ]

    @Test(arguments: exact) func agreesWithTheEquationOfTheRunLength(threshold: Double, expected: Double) {
        let found = AverageRunLength.twoSided(drift: 0.5, threshold: threshold)
        print("h = \(threshold): exact \(found), Siegmund \(Self.siegmund(threshold))")
        #expect(abs(found / expected - 1) < 1e-9)
        #expect(threshold < 3 || abs(Self.siegmund(threshold) / found - 1) < 0.01)
    }

    /// Shifted means, other drifts, and none at all, from the same source as above.
    @Test(arguments: [
        (0.5, 4.0, 1.0, 8.38313187049513), (0.5, 5, 1, 10.375969921593533), (0.5, 8, 1, 16.37195986326563),
        (0.25, 5, 0, 70.84387260842048), (0.25, 10, 0, 1035.7860726458027), (0, 3, 0, 8.675258284878366),
        (0, 10, 0, 62.33078205559289),
    ])
    func agreesWithShiftAndDrift(drift: Double, threshold: Double, shift: Double, expected: Double) {
        for sign in [1.0, -1] {
            let found = AverageRunLength.twoSided(drift: drift, threshold: threshold, shift: sign * shift)
            #expect(abs(found / expected - 1) < 1e-9)
        }
    }

    /// As a Markov chain over 2m + 1 states of equal width (Brook, Evans 1972). Its error falls with the square of the
    /// width, so that two of them extrapolate.
    @Test func agreesWithTheMarkovChain() {
        func chain(_ states: Int, _ threshold: Double) -> Double {
            func below(_ x: Double) -> Double { erfc(-x / 2.0.squareRoot()) / 2 }
            let width = 2 * threshold / Double(2 * states - 1)
            // Steps = 1 + Q·Steps, by repetition: the run length is short enough at h = 3.
            let transitions = (0..<states).map { from in
                (0..<states).map { to in
                    let centre = Double(to - from) * width + 0.5
                    return to == 0 ? below(centre + width / 2) : below(centre + width / 2) - below(centre - width / 2)
                }
            }
            var steps = Array(repeating: 0.0, count: states)
            for _ in 0..<2_500 {
                steps = transitions.map { row in 1 + zip(row, steps).reduce(0) { $0 + $1.0 * $1.1 } }
            }
            return steps[0]
        }
        let (coarse, fine) = (chain(10, 3), chain(20, 3))
        // Widths 6/19 and 6/39.
        let ratio = (39.0 / 19) * (39.0 / 19)
        let limit = fine + (fine - coarse) / (ratio - 1)
        #expect(abs(limit / AverageRunLength.oneSided(drift: 0.5, threshold: 3) - 1) < 1e-3)
    }

    @Test func remainsExactWhereRunLengthsAreAstronomical() {
        // ln ARL is asymptotically straight in h with slope 2k (Siegmund): the residue is what rounding leaves.
        let slope = log(
            AverageRunLength.oneSided(drift: 0.5, threshold: 61) / AverageRunLength.oneSided(drift: 0.5, threshold: 60))
        #expect(abs(slope - 1) < 1e-9)
        #expect(AverageRunLength.oneSided(drift: 50, threshold: 3) == .infinity)
        #expect(AverageRunLength.oneSided(drift: 0.5, threshold: 1e-9, shift: 9) < 1 + 1e-6)
    }

    /// One false alarm an hour and one a day at ten observations a second: REFERENCE.md's 9.33 and 12.51.
    @Test func solvesForTheBudget() throws {
        let hour = try #require(AverageRunLength.threshold(observations: 36_000, drift: 0.5))
        let day = try #require(AverageRunLength.threshold(observations: 864_000, drift: 0.5))
        #expect(abs(hour - 9.333278961178074) < 1e-8 && abs(day - 12.511029896868013) < 1e-7)
        for drift in [0, 0.1, 0.5, 2] {
            for observations in [50.0, 1_000, drift > 0 ? 1e6 : 5_000] {
                let threshold = try #require(AverageRunLength.threshold(observations: observations, drift: drift))
                let found = AverageRunLength.twoSided(drift: drift, threshold: threshold)
                #expect(abs(found / observations - 1) < 1e-7, "k \(drift), ARL \(observations), h \(threshold)")
            }
        }
        // Even h = 0 lets |z| ≤ 0.5 pass: 1/0.617 observations.
        #expect(AverageRunLength.threshold(observations: 1.6, drift: 0.5) == nil)
        #expect(AverageRunLength.threshold(observations: 1.7, drift: 0.5) != nil)
        #expect(AverageRunLength.threshold(observations: 1e9, drift: 0) == nil)
        #expect(AverageRunLength.threshold(observations: .nan, drift: 0.5) == nil)
        #expect(AverageRunLength.threshold(observations: .infinity, drift: 0.5) == nil)
    }

    /// `CUSUM` itself on independent noise. A run length's deviation is at most its mean, so that the mean of 62,500 runs
    /// has a relative error of at most 0.4 %, and 2 % is five of them: one run of the test in a million fails by chance.
    /// h = 8 takes 600 million observations, minutes in a debug build, and is asked for by LONG_RUN_LENGTHS=1.
    @Test(arguments: [3.0, 4, 5] + (ProcessInfo.processInfo.environment["LONG_RUN_LENGTHS"] == nil ? [] : [8]))
    func isWhatTheChartDoes(threshold: Double) {
        let runs = 62_500
        var random = SplitMix64(testSeed: testSeed)
        var cusum = CUSUM(drift: 0.5, threshold: threshold)
        var observations = 0
        for _ in 0..<runs {
            cusum.reset()
            repeat { observations += 1 } while cusum.process(random.normal(), at: Timestamp(nanoseconds: 0)) == nil
        }
        let (mean, exact) = (
            Double(observations) / Double(runs), AverageRunLength.twoSided(drift: 0.5, threshold: threshold)
        )
        print("h = \(threshold): average run length \(mean), exact \(exact), \((mean / exact - 1) * 100) % apart")
        #expect(abs(mean / exact - 1) < 0.02)
    }

    private static func siegmund(_ threshold: Double) -> Double {
        AverageRunLength.siegmundTwoSided(drift: 0.5, threshold: threshold)
    }
}
