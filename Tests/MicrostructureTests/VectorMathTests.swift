import Foundation
import TestSupport
import Testing

@testable import Microstructure

/// Each function of four numbers beside that of the system's library.
@Suite struct VectorMathTests {
    @Test(arguments: testSeeds) func exponentialsAndLogarithms(seed: UInt64) {
        var random = SplitMix64(testSeed: seed)
        func isEqual(_ values: SIMD4<Double>, _ expected: (Int) -> Double, _ tolerance: Double) -> Bool {
            (0..<4).allSatisfy { abs(values[$0] - expected($0)) <= tolerance * abs(expected($0)) }
        }
        for _ in 0..<5_000 {
            let reach = pow(10, Double.random(in: -8...2.85, using: &random))
            let x = SIMD4<Double>.random(in: -reach...0, using: &random)
            #expect(isEqual(x.exponentialOfNegative, { exp(max(x[$0], -708)) }, 1e-14), "\(x)")
            let s =
                SIMD4<Double>.random(in: 0...0.172, using: &random)
                * pow(10, Double.random(in: -12...0, using: &random))
            #expect(isEqual(s.logarithmOfRatio, { 2 * atanh(s[$0]) }, 2e-15), "\(s)")
            let y =
                SIMD4<Double>.random(in: 0.5...2, using: &random) * pow(10, Double.random(in: -20...20, using: &random))
            #expect(isEqual(y.logarithm, { log(y[$0]) }, 4e-15), "\(y)")
            let whole = SIMD4<Double>(SIMD4<Int64>.random(in: 0...(1 << 50), using: &random))
            #expect(SIMD4<Double>(whole.wholeNumbers) == whole)
        }
        #expect(SIMD4<Double>(-.infinity, -1e300, 0, -0.0).exponentialOfNegative.max() == 1)
    }
}
