import Foundation
import TestSupport
import Testing

@testable import Microstructure

@Suite struct InstrumentTests {
    @Test func scalesToTheNearestDouble() {
        let instrument = Instrument(venue: .binance, symbol: "BTCUSDT", priceExponent: -2, quantityExponent: -5)
        #expect(instrument.value(Price(6_000_001)) == 60_000.01)
        #expect(instrument.value(Quantity(-3)) == -0.00003)
        let whole = Instrument(venue: .binance, symbol: "X", priceExponent: 3, quantityExponent: 0)
        #expect(whole.value(Price(7)) == 7_000)
    }

    @Test(arguments: testSeeds)
    func scalingEqualsReadingTheDecimalText(seed: UInt64) throws {
        var random = SplitMix64(testSeed: seed)
        for exponent in Instrument.exponentRange {
            let scale = DecimalScale(exponent: exponent)
            for _ in 0..<50 {
                let mantissa = Int64.random(in: -(1 << 53)...(1 << 53), using: &random)
                let read = try #require(Double("\(mantissa)e\(exponent)"))
                #expect(Decimal10.value(mantissa, exponent: exponent) == read)
                #expect(scale.value(Int128(mantissa)) == read)
            }
        }
    }

    @Test func wideIntegersBecomeTheNearestDouble() {
        #expect(Double(rounding: Int128(Int64.max)) == 0x1p63)
        #expect(Double(rounding: Int128(1) << 100) == 0x1p100)
        #expect(Double(rounding: -(Int128(1) << 100)) == -0x1p100)
        #expect(Double(rounding: (Int128(1) << 63) + 1) == 0x1p63)
    }
}
