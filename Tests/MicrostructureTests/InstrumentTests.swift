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
        for wide in [Int128.min, .max, Int128(UInt64.max), Int128(UInt64.max) + 1, -Int128(UInt64.max)] {
            #expect(Double(rounding: wide) == Double(wide))
        }
    }

    /// Also halfway between two doubles, and a unit beside that.
    @Test(arguments: testSeeds)
    func wideIntegersAreRoundedAsTheLibraryRoundsThem(seed: UInt64) {
        var random = SplitMix64(testSeed: seed)
        for _ in 0..<2_000 {
            let shift = Int128(Int.random(in: 0...100, using: &random))
            let wide = Int128.random(in: .min ... .max, using: &random) >> shift
            let half = (Int128(1) << 52 | Int128(random.next() >> 12)) << 1 | 1
            let tie = half << Int128(Int.random(in: 10...72, using: &random))
            for value in [wide, tie, tie + 1, tie - 1, -tie, 1 - tie] {
                #expect(Double(rounding: value) == Double(value))
            }
        }
    }
}
