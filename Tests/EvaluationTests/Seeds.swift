import Foundation

/// Seeds for property tests: three that never change, and a fresh one, or the one to repeat from `MICROSTRUCTURE_SEED`.
let testSeeds: [UInt64] =
    [1, 2, 20_240_808]
    + [ProcessInfo.processInfo.environment["MICROSTRUCTURE_SEED"].flatMap(UInt64.init) ?? UInt64.random(in: 0 ... .max)]
