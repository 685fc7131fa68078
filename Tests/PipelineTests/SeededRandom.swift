import Foundation

/// SplitMix64: small, fast, the same on every machine. Source: Steele, Lea, Flood (2014), OOPSLA.
struct SeededRandom: RandomNumberGenerator {
    let seed: UInt64
    private var state: UInt64

    /// With the seed in `MICROSTRUCTURE_SEED`, else one at random; prints it.
    init(_ test: String = #function) {
        let text = ProcessInfo.processInfo.environment["MICROSTRUCTURE_SEED"]
        self.init(seed: text.flatMap(UInt64.init) ?? .random(in: 1...(1 << 32)), test)
    }

    /// Prints the seed, so that a failure can be repeated.
    init(seed: UInt64, _ test: String = #function) {
        print("\(test): seed \(seed)")
        self.seed = seed
        state = seed
    }

    mutating func next() -> UInt64 {
        state &+= 0x9e37_79b9_7f4a_7c15
        var mixed = state
        mixed = (mixed ^ (mixed >> 30)) &* 0xbf58_476d_1ce4_e5b9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94d0_49bb_1331_11eb
        return mixed ^ (mixed >> 31)
    }
}

/// Seeds for property tests: three that never change, and a fresh one, or the one to repeat from `MICROSTRUCTURE_SEED`.
let testSeeds: [UInt64] =
    [1, 2, 20_240_808]
    + [ProcessInfo.processInfo.environment["MICROSTRUCTURE_SEED"].flatMap(UInt64.init) ?? UInt64.random(in: 0 ... .max)]
