import Detection
import Microstructure
import Wire

/// The banks of `detector` over the vectors of a tape.
struct TapeDetection: ~Copyable {
    private(set) var vectors: TapeVectors
    /// One bank per market, in the order of the markets' first messages.
    private(set) var banks: [DetectorBank] = []
    /// The vector that the last record completed; `nil` if none.
    private(set) var lastVector: TapeVectors.Vector?

    private let profile: Profile
    private let schema = FeatureSchema()
    private var signals: [Signal] = []

    /// Throws where the profile does not fit the schema.
    init(symbols: Set<String>, profile: Profile) throws(ProfileError) {
        vectors = TapeVectors(symbols: symbols)
        self.profile = profile
        _ = try DetectorBank(venue: .binance, symbol: "", schema: schema, profile: profile)
    }

    /// The signals that a record makes, mostly none.
    mutating func process(_ record: TapeRecord) throws(ProfileError) -> [Signal] {
        signals.removeAll(keepingCapacity: true)
        lastVector = vectors.process(record)
        guard let vector = lastVector else { return signals }
        while banks.count < vectors.markets.count {
            let instrument = vectors.markets[banks.count].instrument
            banks.append(
                try DetectorBank(
                    venue: instrument.venue, symbol: instrument.symbol, schema: schema, profile: profile))
        }
        let market = vectors.markets[vector.market]
        banks[vector.market].process(
            market.engine.values.span, header: vector.header, clockErrorNanoseconds: market.clockErrorNanoseconds,
            into: &signals)
        return signals
    }

    /// The numbers of a market's last vector, in the order of the schema.
    func values(of market: Int) -> [Double] { vectors.markets[market].engine.values }
}
