import Foundation
import TestSupport
import Testing

@testable import Venues

@Suite struct JSONScannerTests {
    private func scan<Result>(
        _ text: String, _ body: (inout JSONScanner) throws(ScanError) -> Result
    ) throws(ScanError) -> Result {
        try scan(Array(text.utf8), body)
    }

    private func scan<Result>(
        _ bytes: [UInt8], _ body: (inout JSONScanner) throws(ScanError) -> Result
    ) throws(ScanError) -> Result {
        try JSONScanner.scan(bytes.span) { (scanner) throws(ScanError) in
            let result = try body(&scanner)
            try scanner.finish()
            return result
        }
    }

    private func decimal(_ text: String, _ exponent: Int8) throws(ScanError) -> Int64 {
        try scan(text) { (scanner) throws(ScanError) in try scanner.decimal(exponent: exponent) }
    }

    @Test(
        arguments: [
            ("\"61837.63000000\"", -2, 6_183_763), ("\"61837.63000000\"", -8, 6_183_763_000_000),
            ("\"0.00000000\"", -8, 0),
            ("61837.63", -2, 6_183_763), ("-0.05", -2, -5), ("\"7\"", -2, 700), ("\"7\"", 0, 7), ("\"7.000\"", 0, 7),
            ("\"1200\"", 2, 12), ("\"1200.00\"", 2, 12), ("1e-5", -8, 1_000), ("\"1.5E+3\"", -2, 150_000),
            ("\"92233720368547758.07\"", -2, .max), ("\"-92233720368547758.07\"", -2, -.max), ("\"0e99\"", -2, 0),
            ("\"0.000000000000000001\"", -18, 1), ("\"00000000000000000000000000001.5\"", -1, 15), (" 3 ", 0, 3),
            ("\"10000000000000000000\"", 9, 10_000_000_000),
        ] as [(String, Int8, Int64)])
    func decimalsAreExact(text: String, exponent: Int8, mantissa: Int64) throws {
        #expect(try decimal(text, exponent) == mantissa)
    }

    @Test(
        arguments: [
            ("\"0.001\"", -2, .doesNotFit), ("\"61837.63000001\"", -2, .doesNotFit), ("\"150\"", 2, .doesNotFit),
            ("1e-9", -8, .doesNotFit), ("\"92233720368547758.08\"", -2, .numberOutOfRange),
            ("\"1e99999999999999999999\"", 0, .numberOutOfRange),
            ("\"1e400\"", 0, .numberOutOfRange), ("\"99999999999999999999\"", 0, .numberOutOfRange),
            ("\"9223372036854775807\"", -1, .numberOutOfRange), ("\"\"", -2, .notANumber), ("\"-\"", -2, .notANumber),
            ("\".5\"", -2, .notANumber), ("\"5.\"", -2, .notANumber), ("\"5.\"", 0, .notANumber),
            ("\"+5\"", -2, .notANumber), ("\"1.2.3\"", -2, .notANumber),
            ("\"1,5\"", -2, .notANumber), ("\"abc\"", -2, .notANumber), ("\"1e\"", -2, .notANumber),
            ("\" 1\"", -2, .notANumber),
            ("null", -2, .wrongType), ("[]", -2, .wrongType), ("true", -2, .wrongType), ("\"12", -2, .truncated),
            ("\"12.", -2, .truncated),
            ("\"", -2, .truncated), ("-", -2, .truncated), ("", -2, .truncated), ("12x", -2, .notANumber),
            ("@", -2, .unexpectedByte),
        ] as [(String, Int8, ScanError.Kind)])
    func impossibleDecimalsAreTypedErrors(text: String, exponent: Int8, kind: ScanError.Kind) {
        let error = #expect(throws: ScanError.self) { try decimal(text, exponent) }
        #expect(error?.kind == kind)
    }

    @Test func decimalsAgreeWithAReference() throws {
        let seed = testSeed
        print("decimalsAgreeWithAReference seed \(seed)")
        var random = Random(seed: seed)
        for _ in 0..<20_000 {
            let digits = Int.random(in: 0...18, using: &random)
            let bound = (0..<digits).reduce(Int64(1)) { bound, _ in bound * 10 }
            let mantissa = Int64.random(in: -bound...bound, using: &random)
            let exponent = Int8.random(in: -12...0, using: &random)
            let zeros = Int.random(in: 0...4, using: &random)
            // Written by Foundation's decimal arithmetic, read by the scanner.
            let value = Decimal(mantissa) * Decimal(sign: .plus, exponent: Int(exponent), significand: 1)
            var text = value.description
            if !text.contains(".") { text += ".0" }
            text += String(repeating: "0", count: zeros)
            let quoted = Bool.random(using: &random) ? "\"\(text)\"" : text
            #expect(try decimal(quoted, exponent) == mantissa, "\(quoted) at \(exponent)")
        }
    }

    /// White space before a number keeps the scanner from the way that reads eight digits at once, and bytes after it are what
    /// that way needs: both ways, on numbers that are right and on ones that are not, end the same.
    @Test func bothWaysOfReadingADecimalAgree() throws {
        func outcome(_ text: String, _ exponent: Int8) -> Result<Int64, ScanError> {
            Result { () throws(ScanError) in try decimal(text, exponent) }
        }
        let seed = testSeed
        print("bothWaysOfReadingADecimalAgree seed \(seed)")
        var random = Random(seed: seed)
        let others = Array("-+.eE\"\\ /:x0\u{e9}")
        var accepted = 0
        for _ in 0..<20_000 {
            let whole = (0..<Int.random(in: 0...9, using: &random)).map { _ in
                Character("\(Int.random(in: 0...9, using: &random))")
            }
            var text = whole + ["."]
            let places = Int.random(in: 0...9, using: &random)
            for place in 0..<Int.random(in: 0...10, using: &random) {
                text.append(Character("\(place < places ? Int.random(in: 0...9, using: &random) : 0)"))
            }
            if Int.random(in: 0..<4, using: &random) == 0, let other = others.randomElement(using: &random) {
                text[Int.random(in: 0..<text.count, using: &random)] = other
            }
            let quoted =
                "\"" + String(text) + "\"" + String(repeating: " ", count: Int.random(in: 0...12, using: &random))
            let exponent = -Int8.random(in: 0...10, using: &random)
            switch (outcome(quoted, exponent), outcome(" " + quoted, exponent)) {
            case (.success(let value), .success(let expected)):
                #expect(value == expected, "\(quoted) at \(exponent)")
                accepted += 1
            case (.failure(let error), .failure(let expected)):
                #expect(error.kind == expected.kind && error.offset + 1 == expected.offset, "\(quoted) at \(exponent)")
            case (let one, let other): Issue.record("\(quoted) at \(exponent): \(one), \(other)")
            }
        }
        #expect(accepted > 2_000)
    }

    /// A string is passed over eight bytes at a time: what ends it or is wrong is found at every place of them.
    @Test(arguments: 0..<20) func whatAStringHoldsIsFoundAtEveryPlace(count: Int) throws {
        let start = String(repeating: "\u{e9}~", count: count / 3) + String(repeating: "x", count: count % 3)
        for rest in ["", "a", "abcdefgh", "abcdefghijklmnop"] {
            let plain = Array("\"\(start)\(rest)\"        ".utf8)
            let string = try scan(plain) { (scanner) throws(ScanError) in try scanner.string() }
            #expect(string.count == start.utf8.count + rest.utf8.count && !string.hasEscapes)
            let escaped = Array("\"\(start)\\\"\(rest)\"        ".utf8)
            let other = try scan(escaped) { (scanner) throws(ScanError) in try scanner.string() }
            #expect(other.count == start.utf8.count + rest.utf8.count + 2 && other.hasEscapes)
            for control in [UInt8(0), 0x1F, 0x0A] {
                let wrong = Array("\"\(start)".utf8) + [control] + Array("\(rest)\"        ".utf8)
                let error = #expect(throws: ScanError.self) {
                    try scan(wrong) { (scanner) throws(ScanError) in try scanner.string() }
                }
                #expect(error == ScanError(.unexpectedByte, at: 1 + start.utf8.count))
            }
        }
    }

    @Test(
        arguments: [
            ("0", 0), ("-17", -17), ("9223372036854775807", .max), (" 50093239189 ", 50_093_239_189),
            ("1767225600883         ", 1_767_225_600_883), ("12345678         ", 12_345_678),
            ("1234567890123456         ", 1_234_567_890_123_456),
            ("000000009223372036854775807        ", .max), ("-9223372036854775807       ", -.max),
        ]
            as [(String, Int64)])
    func integers(text: String, value: Int64) throws {
        #expect(try scan(text) { (scanner) throws(ScanError) in try scanner.integer() } == value)
    }

    @Test(
        arguments: [
            ("1.5", .notANumber), ("1e3", .notANumber), ("\"12\"", .wrongType),
            ("9223372036854775808", .numberOutOfRange), ("92233720368547758080        ", .numberOutOfRange),
            ("12345678x        ", .notANumber), ("1234567:         ", .notANumber),
            ("--1", .notANumber), ("null", .wrongType),
        ] as [(String, ScanError.Kind)])
    func notIntegers(text: String, kind: ScanError.Kind) {
        let error = #expect(throws: ScanError.self) {
            try scan(text) { (scanner) throws(ScanError) in try scanner.integer() }
        }
        #expect(error?.kind == kind)
    }

    @Test(arguments: [
        "{}", "[]", " { \"a\" : [ 1 , -2.5e+3 , { \"b\" : null } , true , false , \"x\\n\\u00e9\\\"\" ] } ", "\"\"",
        "0", "[[[[]]]]",
        "{\"k\":{\"l\":{}},\"m\":[{}]}",
    ])
    func wellFormedValuesAreSkipped(text: String) throws {
        try scan(text) { (scanner) throws(ScanError) in try scanner.skipValue() }
    }

    @Test(
        arguments: [
            ("{\"a\":1,}", .unexpectedByte), ("[1,]", .unexpectedByte), ("[,1]", .unexpectedByte),
            ("{\"a\" 1}", .unexpectedByte),
            ("{\"a\":1 \"b\":2}", .unexpectedByte), ("[1 2]", .unexpectedByte), ("{a:1}", .unexpectedByte),
            ("tru", .truncated),
            ("trux", .unexpectedByte), ("\"\\x\"", .invalidEscape), ("\"\\u12g4\"", .invalidEscape),
            ("\"\\u12", .truncated),
            ("\"a\u{1}\"", .unexpectedByte), ("{}x", .unexpectedByte), ("{\"a\":1]", .unexpectedByte), ("", .truncated),
            (String(repeating: "[", count: 100), .tooDeep), (String(repeating: "{\"a\":", count: 100), .tooDeep),
            ("1.e5", .notANumber),
        ] as [(String, ScanError.Kind)])
    func malformedValuesAreTypedErrors(text: String, kind: ScanError.Kind) {
        let error = #expect(throws: ScanError.self) {
            try scan(text) { (scanner) throws(ScanError) in try scanner.skipValue() }
        }
        #expect(error?.kind == kind)
    }

    @Test func depthLimitIsExact() throws {
        let limit = JSONScanner.depthLimit
        let fits = String(repeating: "[", count: limit) + String(repeating: "]", count: limit)
        try scan(fits) { (scanner) throws(ScanError) in try scanner.skipValue() }
        let error = #expect(throws: ScanError.self) {
            try scan("[\(fits)]") { (scanner) throws(ScanError) in try scanner.skipValue() }
        }
        #expect(error == ScanError(.tooDeep, at: limit))
    }

    @Test(arguments: [
        ("\"plain\"", "plain"), ("\"\\u0042TC\\/\\b\\f\\n\\r\\t\\\\\"", "BTC/\u{8}\u{c}\n\r\t\\"),
        ("\"\\u5e01\\ud83d\\ude00\"", "币😀"), ("\"\\ud83dx\"", "\u{FFFD}x"), ("\"\\ud83d\\n\"", "\u{FFFD}\n"),
    ])
    func stringsAreDecoded(text: String, meaning: String) throws {
        let (decoded, isPlain) = try scan(text) { (scanner) throws(ScanError) in
            let string = try scanner.string()
            return (scanner.text(of: string), scanner.equals(string, "plain"))
        }
        #expect(decoded == meaning)
        #expect(isPlain == (meaning == "plain"))
    }

    @Test func scannerAgreesWithFoundationOnRandomBytes() throws {
        let seed = testSeed
        print("scannerAgreesWithFoundationOnRandomBytes seed \(seed)")
        var random = Random(seed: seed)
        let alphabet = Array("{}[]\",:.-+eE01259 truefalsn\\u".utf8)
        let start = Array("{\"a\":[1,-2.5e3,\"x\\n\"],\"b\":{\"c\":true,\"d\":null}}".utf8)
        var accepted = 0
        for _ in 0..<20_000 {
            var bytes = start
            for _ in 0..<Int.random(in: 0...3, using: &random) {
                bytes[Int.random(in: 0..<bytes.count, using: &random)] = alphabet.randomElement(using: &random)!
            }
            let isValid = (try? JSONSerialization.jsonObject(with: Data(bytes))) != nil
            let isAccepted = (try? scan(bytes) { (scanner) throws(ScanError) in try scanner.skipValue() }) != nil
            if isValid { accepted += 1 }
            // The scanner may accept more (leading zeros, huge exponents, repeated keys), never less.
            #expect(isAccepted || !isValid, "\(String(decoding: bytes, as: UTF8.self))")
        }
        #expect(accepted > 1_000)
    }
}
