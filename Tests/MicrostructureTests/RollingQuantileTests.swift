import Foundation
import Microstructure
import TestSupport
import Testing

@Suite struct RollingQuantileTests {
    @Test func nearestRankByHand() {
        var quantile = RollingQuantile(window: 4)
        #expect(quantile.quantile(0.5).isNaN)
        for value in [4.0, 1, 3, 2] { quantile.insert(value) }
        #expect([0, 0.25, 0.26, 0.5, 0.75, 0.76, 1].map(quantile.quantile) == [1, 1, 2, 2, 3, 4, 4])
        quantile.insert(9)  // the 4 leaves
        #expect([0.25, 0.5, 0.75, 1].map(quantile.quantile) == [1, 2, 3, 9])
        quantile.insert(.nan)
        #expect(quantile.count == 4)
        #expect(quantile.quantile(1) == 9)
    }

    @Test(arguments: [1, 2, 3, 10, 500])
    func agreesWithSorting(window: Int) {
        var random = SplitMix64(testSeed: UInt64(window))
        var quantile = RollingQuantile(window: window)
        var all: [Double] = []
        for _ in 0..<(3 * window + 50) {
            // Coarse values, so that equal ones are common.
            let value = (random.normal() * 8).rounded() / 8
            all.append(value)
            quantile.insert(value)
            guard all.count.isMultiple(of: 1 + window / 20) else { continue }
            let sorted = all.suffix(window).sorted()
            #expect(quantile.count == sorted.count)
            for probability in [0, 0.05, 0.5, 0.95, 1, random.uniform()] {
                let rank = sorted.indices.first { Double($0 + 1) >= probability * Double(sorted.count) }
                #expect(rank.map { sorted[$0] } == quantile.quantile(probability))
            }
        }
    }

    /// What was saved goes on; what was damaged since is refused, before a place in it leads out of bounds.
    @Test func aDamagedWindowIsRefused() throws {
        func decoded(_ text: String) throws -> RollingQuantile {
            try JSONDecoder().decode(RollingQuantile.self, from: Data(text.utf8))
        }
        var whole = try decoded(#"{"window":2,"arrivals":[5,1],"sorted":[1,5],"oldest":1}"#)
        whole.insert(7)
        #expect(whole.quantile(0.5) == 5 && whole.quantile(1) == 7)
        for damaged in [
            #"{"window":1,"arrivals":[5],"sorted":[1],"oldest":0}"#,
            #"{"window":2,"arrivals":[5,1],"sorted":[5,1],"oldest":0}"#,
            #"{"window":2,"arrivals":[5,1],"sorted":[1],"oldest":0}"#,
            #"{"window":1,"arrivals":[5,1],"sorted":[1,5],"oldest":0}"#,
            #"{"window":2,"arrivals":[5,1],"sorted":[1,5],"oldest":2}"#,
            #"{"window":0,"arrivals":[],"sorted":[],"oldest":0}"#,
        ] {
            #expect(throws: DecodingError.self, "\(damaged)") { _ = try decoded(damaged) }
        }
    }
}
