import Detection
import Microstructure
import RealModule
import TestSupport
import Testing

@Suite struct WhitenerTests {
    /// The innovations of an autoregression come back with mean 0, deviation 1 and no correlation. 60,000 of them know
    /// their correlation to 0.004; the coefficients are estimated on a half-life of 20,000.
    @Test(arguments: [1, 2, 3] as [UInt64], [[0.0, 0.0], [0.7, 0.0], [-0.4, 0.0], [0.5, 0.3], [1.2, -0.5]])
    func takesAnAutoregressionOut(seed: UInt64, phi: [Double]) {
        var random = SplitMix64(testSeed: seed)
        var whitener = Whitener(order: 2, halfLifeObservations: 20_000, warmUpObservations: 500)
        var (previous, before) = (0.0, 0.0)
        var out: [Double] = []
        for step in 0..<80_000 {
            let x = phi[0] * previous + phi[1] * before + random.normal()
            (previous, before) = (x, previous)
            let e = whitener.process(x)
            if step >= 20_000 { out.append(e) }
        }
        let mean = out.reduce(0, +) / Double(out.count)
        let variance = out.reduce(0) { $0 + ($1 - mean) * ($1 - mean) } / Double(out.count)
        let lag =
            zip(out, out.dropFirst()).reduce(0) { $0 + ($1.0 - mean) * ($1.1 - mean) } / Double(out.count) / variance
        #expect(abs(mean) < 0.05 && abs(variance - 1) < 0.1 && abs(lag) < 0.04, "seed \(seed), \(phi)")
        #expect(abs(whitener.coefficients.first - phi[0]) < 0.08 && abs(whitener.coefficients.second - phi[1]) < 0.08)
    }

    @Test func orderNoneChangesNothing() {
        var whitener = Whitener(order: 0, halfLifeObservations: 10, warmUpObservations: 2)
        for z in [1.5, -2, 0] { #expect(whitener.process(z) == z) }
    }

    @Test func aGapIsNotBridged() {
        var random = SplitMix64(testSeed: 5)
        var whitener = Whitener(order: 1, halfLifeObservations: 100, warmUpObservations: 10)
        for _ in 0..<100 { _ = whitener.process(random.normal()) }
        #expect(whitener.process(.nan).isNaN)
        #expect(whitener.process(1).isNaN)
        #expect(!whitener.process(1).isNaN)
    }

    @Test func equalValuesAreNoReasonToDivideByNothing() {
        var whitener = Whitener(order: 2, halfLifeObservations: 10, warmUpObservations: 2)
        for _ in 0..<1_000 { #expect(whitener.process(0).isNaN) }
        for _ in 0..<1_000 {
            let e = whitener.process(1)
            #expect(e.isNaN || e.isFinite)
        }
    }
}
