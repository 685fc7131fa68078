import RealModule

/// A small pseudo-random generator of 64 bits of state, period 2⁶⁴; the same seed gives the same numbers
/// everywhere. Not for secrets. Source: Steele, Lea, Flood (2014), "Fast splittable pseudorandom number
/// generators", OOPSLA; constants of Vigna's `splitmix64.c`.
public struct SplitMix64: RandomNumberGenerator, Sendable {
    private var state: UInt64

    public init(seed: UInt64) { state = seed }

    public mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var mixed = state
        mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
        return mixed ^ (mixed >> 31)
    }

    /// Uniform in [0, 1), 53 bits.
    public mutating func uniform() -> Double { Double(next() >> 11) * 0x1p-53 }

    /// Exponential with mean 1 (inversion).
    public mutating func exponential() -> Double { -Double.log(1 - uniform()) }

    /// Normal with mean 0 and deviation 1 (Box, Muller 1958; discards the second value of the pair, to keep no state).
    public mutating func normal() -> Double {
        let radius = (2 * exponential()).squareRoot()
        return radius * Double.cos(2 * .pi * uniform())
    }

    /// `true` with the given probability.
    public mutating func chance(_ probability: Double) -> Bool { uniform() < probability }

    /// Uniform in `0..<bound`; `bound` ≥ 1. Its bias is below 2⁻⁵³·bound.
    public mutating func index(below bound: Int) -> Int { min(bound - 1, Int(uniform() * Double(bound))) }
}
