import Foundation
public import Microstructure

/// The seed to repeat from `MICROSTRUCTURE_SEED`, or a fresh one.
public let freshSeed =
    ProcessInfo.processInfo.environment["MICROSTRUCTURE_SEED"].flatMap(UInt64.init) ?? UInt64.random(in: 0 ... .max)

/// Seeds for property tests: three that never change, and `freshSeed`.
public let testSeeds: [UInt64] = [1, 2, 20_240_808, freshSeed]

extension SplitMix64 {
    /// Prints the seed, so that a failure can be repeated.
    public init(testSeed seed: UInt64, _ test: String = #function) {
        print("\(test): seed \(seed)")
        self.init(seed: seed)
    }
}
