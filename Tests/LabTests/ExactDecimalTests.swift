@testable import Lab
import Microstructure
import TestSupport
import Testing

@Suite struct ExactDecimalTests {
    private func parse(_ text: String) throws -> ExactDecimal {
        let bytes = Array(text.utf8)
        return try ExactDecimal(bytes, 0..<bytes.count)
    }

    @Test(arguments: [
        ("61837.63000000", 6_183_763, -2), ("2.46e-06", 246, -8), ("575.0", 575, 0), ("0.00", 0, 0), ("100", 1, 2),
        ("1E3", 1, 3), ("1e+2", 1, 2), (".5", 5, -1), ("5.", 5, 0), ("+7", 7, 0), ("000123.4500", 12_345, -2),
        ("0e400", 0, 0), ("123456789012345678", 123_456_789_012_345_678, 0), ("0.000000000000000001", 1, -18),
        ("-0.0", 0, 0),
    ])
    func numbersAreExact(text: String, mantissa: Int64, exponent: Int8) throws {
        #expect(try parse(text) == ExactDecimal(mantissa: mantissa, exponent: exponent))
    }

    @Test(arguments: [
        "", ".", "-", "e5", "1.2.3", "abc", "1e", "1e5.5", "0x10", "1,5", " 1", "nan", "inf", "-1", "1e400", "1e-400",
        "1e99999999999999999999", "1234567890123456789", "123456789012345678901234567890.5", "0.0000000000000000001",
    ])
    func whatIsNoUsableNumberIsRefused(text: String) {
        #expect(throws: ExactDecimal.Problem.self) { try parse(text) }
    }

    @Test(arguments: testSeeds) func allSpellingsOfANumberAreEqual(seed: UInt64) throws {
        var random = SplitMix64(testSeed: seed)
        for _ in 0..<2_000 {
            let decimals = Int.random(in: 0...8, using: &random)
            let whole = Int64.random(in: 1...9_999_999_999, using: &random)
            let digits = String(repeating: "0", count: 12) + String(whole)
            let plain = digits.dropLast(decimals) + "." + digits.suffix(decimals)
            let shift = Int.random(in: -4...4, using: &random)
            let spellings = [
                String(plain), plain + "000", "\(whole)e-\(decimals)", "\(whole)0E\(-decimals - 1)",
                "\(whole)\(String(repeating: "0", count: shift + 4))e\(-decimals - shift - 4)",
            ]
            let values = try spellings.map(parse)
            #expect(Set(values).count == 1, "seed \(seed): \(spellings)")
            #expect(values[0].units(of: Int8(-decimals)) == whole, "seed \(seed): \(spellings[0])")
        }
    }

    /// One absurd number must not take the others' digits away.
    @Test func theScaleSuitsMostNumbers() throws {
        var survey = DecimalSurvey()
        for text in ["2.46e-06", "2.5e-06", "0.0000031", "1"] { survey.add(try parse(text)) }
        #expect(survey.exponent == -8)
        for text in ["1e9", "1e-18", "999999999999999999"] { survey.add(try parse(text)) }
        #expect(survey.exponent == -8)
        var coarse = DecimalSurvey()
        for text in ["1000", "20000"] { coarse.add(try parse(text)) }
        #expect(coarse.exponent == 3)
    }
}
