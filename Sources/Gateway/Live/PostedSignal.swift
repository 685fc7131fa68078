import Detection
import Foundation
import Hummingbird
import Microstructure
import NIOCore
import Wire

/// A validated signal from a POST: `{"timestamp": …, "signal_type": …, "score": …, "symbol": …}`.
struct PostedSignal: Sendable, Equatable {
    /// Takes the venue's place in the topic of a posted signal.
    static let venue = "api"
    /// Seconds since 1970 that fit in 64-bit nanoseconds.
    static let timestampRange = 0...9_223_372_036.0

    /// 16 hexadecimal digits of the time in nanoseconds, "-", symbol, "-", type, as a detector writes it, then "-" and
    /// 16 random hexadecimal digits that distinguish two posts of one instant.
    let id: String
    let timestamp: Double
    let type: SignalType
    /// 0 to 1.
    let score: Double
    /// Normalised: `BTC/USDT` is posted, `BTCUSDT` is stored.
    let symbol: String

    /// Reads a request's body. Throws a 400 that names the invalid field and the expected value.
    init(json: Data) throws(Problem) {
        let fields: Fields
        do {
            fields = try JSONDecoder().decode(Fields.self, from: json)
        } catch let problem as Problem {
            throw problem
        } catch {
            throw Self.problem(of: error)
        }
        try self.init(timestamp: fields.timestamp, type: fields.type, score: fields.score, symbol: fields.symbol)
    }

    /// Validates the posted fields. Throws a 400 that names the invalid field.
    init(timestamp: Double, type: String, score: Double, symbol: String) throws(Problem) {
        guard Self.timestampRange.contains(timestamp) else {
            throw Problem(
                .badRequest,
                "timestamp \(timestamp) is outside 0…9223372036; give seconds since 1970, not milliseconds")
        }
        guard let type = SignalType(rawValue: type) else {
            throw Problem(
                .badRequest,
                "signal_type needs a lower-case letter followed by at most \(SignalType.lengthLimit - 1) lower-case "
                    + "letters, digits or underscores, e.g. buy_imbalance")
        }
        guard (0...1).contains(score) else {
            throw Problem(.badRequest, "score \(score) is outside 0…1")
        }
        guard let symbol = SymbolName.normalized(symbol) else {
            throw Problem(.badRequest, "symbol \(SymbolName.rule)")
        }
        self.timestamp = timestamp
        self.type = type
        self.score = score
        self.symbol = symbol
        let detected = Timestamp(nanoseconds: Self.nanoseconds(timestamp))
        let random = String(UInt64.random(in: .min ... .max), radix: 16)
        id =
            Signal.makeID(detected: detected, symbol: symbol, type: type) + "-"
            + String(repeating: "0", count: 16 - random.count) + random
    }

    /// The document as compact JSON with sorted keys.
    var json: ByteBuffer {
        var json = JSONWriter(capacity: 192)
        json.object { json in
            json.string("id", id)
            json.number("score", score)
            json.string("signal_type", type.rawValue)
            json.string("symbol", symbol)
            json.number("timestamp", timestamp)
        }
        return json.buffer
    }

    var document: SignalDocument {
        SignalDocument(id: id, timestamp: timestamp, signalType: type.rawValue, score: score, symbol: symbol)
    }

    /// The signal as sent to the alerter. The onset is unknown, so it equals the signal's time.
    var message: ProtoSignal {
        var message = ProtoSignal()
        message.id = id
        message.venue = Self.venue
        message.symbol = symbol
        message.type = type.rawValue
        message.score = score
        message.detectedTimeNs = Self.nanoseconds(timestamp)
        message.onsetTimeNs = message.detectedTimeNs
        message.venueTimeNs = message.detectedTimeNs
        return message
    }

    /// `seconds` is in `timestampRange`, whose upper end in nanoseconds is still below 2⁶³.
    private static func nanoseconds(_ seconds: Double) -> Int64 { Int64((seconds * 1e9).rounded()) }

    private static func problem(of error: any Error) -> Problem {
        guard let error = error as? DecodingError else { return Problem(.badRequest, "the body cannot be read") }
        func name(_ path: [any CodingKey]) -> String { path.map(\.stringValue).joined(separator: ".") }
        switch error {
        case .keyNotFound(let key, _):
            return Problem(.badRequest, "'\(key.stringValue)' is missing; send \(Fields.example)")
        case .typeMismatch(_, let context) where context.codingPath.isEmpty,
            .valueNotFound(_, let context) where context.codingPath.isEmpty:
            return Problem(.badRequest, "the body is no JSON object; send \(Fields.example)")
        case .typeMismatch(_, let context), .valueNotFound(_, let context):
            return Problem(.badRequest, "'\(name(context.codingPath))' is of the wrong type; send \(Fields.example)")
        case .dataCorrupted(let context) where !context.codingPath.isEmpty:
            return Problem(.badRequest, "'\(name(context.codingPath))' cannot be represented; send \(Fields.example)")
        default:
            return Problem(.badRequest, "the body is not valid JSON; send \(Fields.example)")
        }
    }

    /// The fields of the body as posted.
    private struct Fields: Decodable {
        static let example =
            #"{"timestamp": 1696867200.0, "signal_type": "buy_imbalance", "score": 0.85, "symbol": "BTC/USDT"}"#

        let timestamp: Double
        let type: String
        let score: Double
        let symbol: String

        private struct Key: CodingKey {
            let stringValue: String
            var intValue: Int? { nil }
            init(stringValue: String) { self.stringValue = stringValue }
            init?(intValue: Int) { nil }
        }

        init(from decoder: any Decoder) throws {
            let container = try decoder.container(keyedBy: Key.self)
            let known = ["timestamp", "signal_type", "score", "symbol"]
            let unknown = container.allKeys.map(\.stringValue).filter { !known.contains($0) }.sorted()
            guard unknown.isEmpty else {
                let names = unknown.prefix(10).map { "'\($0.prefix(64))'" }.joined(separator: ", ")
                throw Problem(.badRequest, "unknown \(names); known are \(known.joined(separator: ", "))")
            }
            timestamp = try container.decode(Double.self, forKey: Key(stringValue: "timestamp"))
            type = try container.decode(String.self, forKey: Key(stringValue: "signal_type"))
            score = try container.decode(Double.self, forKey: Key(stringValue: "score"))
            symbol = try container.decode(String.self, forKey: Key(stringValue: "symbol"))
        }
    }
}
