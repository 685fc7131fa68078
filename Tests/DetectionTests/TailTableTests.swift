import Detection
import Microstructure
import RealModule
import TestSupport
import Testing

@Suite struct TailTableTests {
    @Test func interpolatesBetweenKnotsAndGoesOnBehindThem() throws {
        let table = try #require(TailTable(values: [1, 3, 5], nats: [1, 2, 5]))
        #expect(table.nats(at: 0) == 0 && table.nats(at: 1) == 0 && table.nats(at: .nan) == 0)
        #expect(table.nats(at: 2) == 1.5 && table.nats(at: 4) == 3.5)
        #expect(table.nats(at: 5) == 5 && table.nats(at: 7) == 8)
        #expect(table.nats(at: .infinity) == TailTable.natsLimit)
        for nats in [1.25, 2, 3, 5, 11] { #expect(abs(table.nats(at: table.value(atNats: nats)) - nats) < 1e-12) }
    }

    @Test(arguments: [
        ([1.0], [1.0]), ([1, 1], [1, 2]), ([1, 2], [2, 2]), ([1, 2], [-1, 2]), ([1, .nan], [1, 2]),
        ([1, 2, 3], [1, 2]),
    ])
    func refusesWhatDoesNotAscend(values: [Double], nats: [Double]) {
        #expect(TailTable(values: values, nats: nats) == nil)
    }

    /// Of 200,000 draws from an exponential distribution the nats are the draws themselves, within the sampling error of
    /// the last knot, of which ten draws lie beyond: one in √10, and in nats as much.
    @Test(arguments: [1, 2, 3] as [UInt64])
    func learnsAnExponentialTail(seed: UInt64) throws {
        var random = SplitMix64(testSeed: seed)
        let sample = (0..<200_000).map { _ in -Double.log(1 - random.uniform()) }
        let table = try #require(TailTable(sample: sample + [.nan]))
        for x in [1.0, 3, 5, 7] { #expect(abs(table.nats(at: x) - x) < 0.35, "seed \(seed)") }
        #expect(abs(table.nats(at: 20) - 20) < 8, "seed \(seed)")
    }

    @Test func aConstantHasNoTail() {
        #expect(TailTable(sample: Array(repeating: 3, count: 10_000)) == nil)
        #expect(TailTable(sample: []) == nil)
    }
}
