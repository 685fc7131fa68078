import Detection
import Microstructure
import TestSupport
import Testing

@Suite struct SignalTests {
    @Test(arguments: ["a", "drift", "regime_change", "whale_2", String(repeating: "x", count: 32)])
    func acceptsTypes(raw: String) {
        #expect(SignalType(rawValue: raw)?.rawValue == raw)
    }

    @Test(arguments: [
        "", "Drift", "2x", "_x", "a-b", "a b", "a.b", "a|", "é", "a\u{301}", "a\n", String(repeating: "x", count: 33),
    ])
    func refusesTypes(raw: String) {
        #expect(SignalType(rawValue: raw) == nil)
    }

    @Test func knownTypesAreOrdinaryOnes() {
        for type in [SignalType.drift, .burst, .regimeChange] {
            #expect(SignalType(rawValue: type.rawValue) == type)
        }
        #expect(SignalType.regimeChange.description == "regime_change")
    }

    @Test func idsByHand() {
        func id(_ nanoseconds: Int64, _ type: SignalType = .drift) -> String {
            Signal.makeID(detected: Timestamp(nanoseconds: nanoseconds), symbol: "BTCUSDT", type: type)
        }
        #expect(id(0) == "0000000000000000-BTCUSDT-drift")
        #expect(id(1_723_161_472_000_000_001, .burst) == "17e9e63aa5330001-BTCUSDT-burst")
        #expect(id(.max) == "7fffffffffffffff-BTCUSDT-drift")
    }

    @Test func idsOrderByTime() {
        var random = SplitMix64(testSeed: 5)
        let times = (0..<1_000).map { _ in Int64(random.next() >> UInt64.random(in: 1...50, using: &random)) }
        let ids = times.sorted().map {
            Signal.makeID(detected: Timestamp(nanoseconds: $0), symbol: "ETHUSDT", type: .burst)
        }
        #expect(ids == ids.sorted())
        #expect(Set(ids).count == Set(times).count)
    }

    @Test func equalityIsBitForBit() {
        func signal(probability: Double, score: Double = 0.5) -> Signal {
            Signal(
                id: "x", venue: .binance, symbol: "BTCUSDT", type: .drift, feature: "imbalance_10", direction: .up,
                score: score, threshold: 0.4, probability: probability, onset: Timestamp(nanoseconds: 1),
                detected: Timestamp(nanoseconds: 2), venueTime: Timestamp(nanoseconds: 2), evidence: [],
                validity: .valid, clockErrorNanoseconds: nil, bookEpoch: 1)
        }
        #expect(signal(probability: .nan) == signal(probability: .nan))
        #expect(signal(probability: .nan) != signal(probability: 0.1))
        #expect(signal(probability: 0.1, score: 0.5) != signal(probability: 0.1, score: 0.5.nextUp))
    }
}
