import Foundation
import Microstructure

@testable import Venues

/// A binary frame and what a reader must make of it, as `Oracle/sbe.py` printed both.
struct SBEVector: Sendable, CustomStringConvertible {
    let name: String
    /// Words and numbers, in the script's order.
    let expected: [String]
    let frame: [UInt8]

    var description: String { name }

    static let all: [SBEVector] = {
        let text = (try? Payload.text("sbe-frames")) ?? ""
        return text.split(separator: "\n").map { line in
            let parts = line.split(separator: "\t", omittingEmptySubsequences: false)
            return SBEVector(
                name: String(parts[0]), expected: parts[1].split(separator: " ").map(String.init),
                frame: bytes(ofHex: parts[2]))
        }
    }()

    private static func bytes(ofHex text: Substring) -> [UInt8] {
        let digits = text.utf8.map { $0 < UInt8(ascii: "a") ? $0 - UInt8(ascii: "0") : $0 - UInt8(ascii: "a") + 10 }
        return stride(from: 0, to: digits.count - 1, by: 2).map { digits[$0] << 4 | digits[$0 + 1] }
    }

    /// `price:size` and more, separated by colons.
    static func numbers(_ text: some StringProtocol) -> [Int64] { text.split(separator: ":").compactMap { Int64($0) } }

    var isRejected: Bool { expected[0] == "rejected" }
}

extension Instrument {
    /// Those of `Oracle/sbe.py`.
    static let sbe = [
        Instrument.spot("BTCUSDT", price: -5, quantity: -8), .spot("币安人生USDT", price: -8, quantity: -3),
    ]
}

extension BinanceConfiguration {
    static func sbe(_ instruments: [Instrument] = Instrument.sbe) -> BinanceConfiguration {
        var configuration = BinanceConfiguration(instruments: instruments)
        configuration.market = .sbe
        configuration.timeUnit = .microseconds
        return configuration
    }
}

/// Writes frames from the venue's JSON: all numbers with eight decimals, times in microseconds.
struct SBEWriter {
    private(set) var bytes: [UInt8] = []

    private mutating func append<Number: FixedWidthInteger>(_ number: Number) {
        withUnsafeBytes(of: number.littleEndian) { bytes.append(contentsOf: $0) }
    }

    private mutating func begin(_ template: UInt16, block: UInt16) {
        for number in [block, template, 1, 0] { append(number) }
    }

    private mutating func appendExponents() { bytes += [0xF8, 0xF8] }

    /// `61800.1` is 6,180,010,000,000.
    private mutating func append(decimal text: String) {
        let parts = text.split(separator: ".", maxSplits: 1)
        let fraction = parts.count > 1 ? String(parts[1]) : ""
        append(Int64("\(parts[0])\(fraction)\(String(repeating: "0", count: 8 - fraction.count))") ?? -1)
    }

    private mutating func append(symbol: String) {
        append(UInt8(symbol.utf8.count))
        bytes += Array(symbol.utf8)
    }

    private mutating func append(levels: [[String]]) {
        append(UInt16(16))
        append(UInt16(levels.count))
        for level in levels {
            append(decimal: level[0])
            append(decimal: level[1])
        }
    }

    static func depth(_ json: RecordedDepth) -> [UInt8] {
        var writer = SBEWriter()
        writer.begin(10_003, block: 26)
        for number in [json.E * 1_000, json.U, json.u] { writer.append(number) }
        writer.appendExponents()
        writer.append(levels: json.b)
        writer.append(levels: json.a)
        writer.append(symbol: json.s)
        return writer.bytes
    }

    /// Trades of one moment.
    static func trades(_ json: [RecordedTrade]) -> [UInt8] {
        var writer = SBEWriter()
        writer.begin(10_000, block: 18)
        for number in [json[0].E * 1_000, json[0].T * 1_000] { writer.append(number) }
        writer.appendExponents()
        writer.append(UInt16(25))
        writer.append(UInt32(json.count))
        for trade in json {
            writer.append(trade.t)
            writer.append(decimal: trade.p)
            writer.append(decimal: trade.q)
            writer.append(UInt8(trade.m ? 1 : 0))
        }
        writer.append(symbol: json[0].s)
        return writer.bytes
    }

    static func quote(_ json: RecordedQuote, microseconds: Int64) -> [UInt8] {
        var writer = SBEWriter()
        writer.begin(10_001, block: 50)
        for number in [microseconds, json.u] { writer.append(number) }
        writer.appendExponents()
        for text in [json.b, json.B, json.a, json.A] { writer.append(decimal: text) }
        writer.append(symbol: json.s)
        return writer.bytes
    }
}

struct Recorded<Data: Decodable>: Decodable { let data: Data }

struct RecordedDepth: Decodable {
    // The venue's own keys.
    // swift-format-ignore: AlwaysUseLowerCamelCase
    let E, U, u: Int64
    let s: String
    let b, a: [[String]]
}

struct RecordedTrade: Decodable {
    // The venue's own keys.
    // swift-format-ignore: AlwaysUseLowerCamelCase
    let E, T, t: Int64
    let s, p, q: String
    let m: Bool
}

struct RecordedQuote: Decodable {
    let u: Int64
    // The venue's own keys.
    // swift-format-ignore: AlwaysUseLowerCamelCase
    let s, b, B, a, A: String
}
