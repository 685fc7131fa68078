import Foundation
public import Microstructure

/// The seed of `MICROSTRUCTURE_SEED`, or one that never changes: the same tests draw the same choices at every run.
/// `random` draws one, for long searches.
public let testSeed: UInt64 =
    switch ProcessInfo.processInfo.environment["MICROSTRUCTURE_SEED"] {
    case "random": .random(in: 0 ... .max)  // house-rule: asked for
    case let text: text.flatMap(UInt64.init) ?? 17_231_612_979
    }

/// Seeds for property tests: three, and `testSeed`.
public let testSeeds: [UInt64] = [1, 2, 20_240_808, testSeed]

extension SplitMix64 {
    /// Prints the seed, so that a failure can be repeated.
    public init(testSeed seed: UInt64, _ test: String = #function) {
        print("\(test): seed \(seed)")
        self.init(seed: seed)
    }
}
