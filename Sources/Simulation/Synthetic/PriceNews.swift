import Microstructure
import RealModule

/// Price moves without an order: news, common to all markets of a seed or specific to one market.
///
/// News comes in clusters (a self-exciting process) with heavy-tailed sizes, scaled by a slowly varying volatility (its
/// logarithm is an Ornstein–Uhlenbeck process). Every market draws the common news from the common seed, so markets are
/// correlated without knowing of each other.
struct PriceNews: Sendable {
    /// Rate of one kind of news, a second; the share triggered by other news, and the decay of that effect, a second.
    static let rate = 0.55
    static let branching = 0.8
    static let decay = 0.8
    /// The volatility's memory, and the deviation of its logarithm.
    static let volatilitySeconds = 90.0
    static let volatilityDeviation = 0.5
    /// Expected square of a size: exponential with mean 1 of a random scale, exp(Z/2).
    private static let meanSquare = 2 * Double.exp(0.5)

    private struct Source: Sendable {
        private var random: SplitMix64
        private(set) var next = 0.0
        private var excitement = PriceNews.rate * PriceNews.branching
        private let scale: Double

        init(_ random: SplitMix64, scale: Double) {
            self.random = random
            self.scale = scale
            advance()
        }

        /// Advances to the next news, by thinning like `HawkesArrivals`.
        mutating func advance() {
            let base = PriceNews.rate * (1 - PriceNews.branching)
            while true {
                let bound = base + excitement
                let wait = random.exponential() / bound
                next += wait
                excitement *= Double.exp(-PriceNews.decay * wait)
                guard random.uniform() * bound >= base + excitement else { break }
            }
            excitement += PriceNews.branching * PriceNews.decay
        }

        mutating func size() -> Double {
            let size = random.exponential() * Double.exp(0.5 * random.normal())
            return (random.chance(0.5) ? size : -size) * scale
        }
    }

    private var common: Source
    private var own: Source
    /// The volatility's generator, common as well.
    private var wander: SplitMix64
    private var logVolatility: Double
    private var nextWander = 1.0

    /// - Parameters:
    ///   - deviation: standard deviation of a second's move, in basis points.
    ///   - correlation: the common part of its variance, 0 to 1.
    init(deviation: Double, correlation: Double, commonSeed: UInt64, ownSeed: UInt64) {
        let unit = deviation / (Self.rate * Self.meanSquare).squareRoot()
        common = Source(SplitMix64(seed: commonSeed), scale: unit * correlation.squareRoot())
        own = Source(SplitMix64(seed: ownSeed), scale: unit * (1 - correlation).squareRoot())
        wander = SplitMix64(seed: ~commonSeed)
        logVolatility = Self.volatilityDeviation * wander.normal()
    }

    /// Seconds at which the next news strikes.
    var next: Double { min(common.next, own.next) }

    /// The move of the next news in basis points, times `volatility`.
    mutating func take(volatility: Double) -> Double {
        while nextWander <= next {
            let keep = Double.exp(-1 / Self.volatilitySeconds)
            logVolatility =
                keep * logVolatility + Self.volatilityDeviation * (1 - keep * keep).squareRoot() * wander.normal()
            nextWander += 1
        }
        // Its mean square is 1.
        let present = Double.exp(logVolatility - Self.volatilityDeviation * Self.volatilityDeviation) * volatility
        if common.next < own.next {
            common.advance()
            return common.size() * present
        }
        own.advance()
        return own.size() * present
    }
}
