import Microstructure
import RealModule

/// The side of each market order: signs with long memory, as produced by the parts of hidden large orders.
///
/// With a fixed probability, a sign repeats an earlier sign whose lag is drawn from a power law; otherwise it is a fair
/// coin (a discrete autoregression). Source: Lillo, Mike, Farmer (2005), Phys. Rev. E 71, for the fact; Taranto,
/// Bormetti, Bouchaud, Lillo, Tóth (2018), Quantitative Finance 18, for the model.
struct OrderSigns: Sendable {
    static let repetition = 0.86
    static let exponent = 1.5
    static let memory = 256

    private var signs: [Bool] = []
    private var newest = 0

    init(using random: inout SplitMix64) {
        for _ in 0..<Self.memory { signs.append(random.chance(0.5)) }
    }

    /// `true` is a buy.
    ///
    /// - Parameter bias: −1 (all sell) to 1 (all buy); 0 is fair.
    mutating func next(bias: Double, using random: inout SplitMix64) -> Bool {
        let sign: Bool
        if bias != 0, random.chance(abs(bias)) {
            sign = bias > 0
        } else if random.chance(Self.repetition) {
            // Inversion of a continuous power law on 1…memory.
            let reach = 1 - Double.pow(Double(Self.memory), 1 - Self.exponent)
            let lag = Double.pow(1 - random.uniform() * reach, 1 / (1 - Self.exponent))
            sign = signs[(newest - min(Self.memory, Int(lag)) + 1 + Self.memory) % Self.memory]
        } else {
            sign = random.chance(0.5)
        }
        newest = (newest + 1) % Self.memory
        signs[newest] = sign
        return sign
    }
}
