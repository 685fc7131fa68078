import Runtime
import Foundation

/// A client's text message, `{"method":"SUBSCRIBE","params":["btcusdt@trade"],"id":1}`, and its answer.
struct SubscriptionRequest: Decodable {
    enum Method: String {
        case subscribe = "SUBSCRIBE"
        case unsubscribe = "UNSUBSCRIBE"
        case list = "LIST_SUBSCRIPTIONS"
    }

    /// Repeated unchanged in the answer.
    enum ID: Encodable, Equatable {
        case number(UInt64)
        case text(String)
        case null

        func encode(to encoder: any Encoder) throws {
            var container = encoder.singleValueContainer()
            switch self {
            case .number(let number): try container.encode(number)
            case .text(let text): try container.encode(text)
            case .null: try container.encodeNil()
            }
        }
    }

    /// The venue's own texts (WebSocket Streams, "Error Messages").
    struct Refusal: Error, Encodable, Equatable {
        let code: Int
        let msg: String
    }

    let method: Method
    let streams: [String]
    let id: ID

    private enum CodingKeys: String, CodingKey { case method, params, id }

    static func parse(_ message: Data) -> Result<SubscriptionRequest, Refusal> {
        do {
            return .success(try JSONDecoder().decode(SubscriptionRequest.self, from: message))
        } catch let refusal as Refusal {
            return .failure(refusal)
        } catch DecodingError.typeMismatch, DecodingError.valueNotFound {
            return .failure(Refusal(code: 2, msg: "Invalid request: not an object"))
        } catch {
            return .failure(Refusal(code: 3, msg: "Invalid JSON: expected value at line 1 column 1"))
        }
    }

    init(from decoder: any Decoder) throws {
        let container = try decoder.container(keyedBy: CodingKeys.self)
        guard container.contains(.method) else {
            throw Refusal(code: 2, msg: "Invalid request: missing field `method`")
        }
        guard let name = try? container.decode(String.self, forKey: .method) else {
            throw Refusal(code: 2, msg: "Invalid request: method must be a string")
        }
        guard let method = Method(rawValue: name) else {
            throw Refusal(
                code: 2,
                msg: "Invalid request: unknown variant `\(name)`, expected one of "
                    + "`SUBSCRIBE`, `UNSUBSCRIBE`, `LIST_SUBSCRIPTIONS`")
        }
        self.method = method
        if try !container.contains(.id) || container.decodeNil(forKey: .id) {
            id = .null
        } else if let number = try? container.decode(UInt64.self, forKey: .id) {
            id = .number(number)
        } else if let text = try? container.decode(String.self, forKey: .id), text.utf8.count <= 36 {
            id = .text(text)
        } else {
            throw Refusal(code: 2, msg: "Invalid request: request ID must be an unsigned integer")
        }
        guard method != .list else {
            streams = []
            return
        }
        guard container.contains(.params) else {
            throw Refusal(code: 2, msg: "Invalid request: missing field `params`")
        }
        guard let streams = try? container.decode([String].self, forKey: .params) else {
            throw Refusal(code: 2, msg: "Invalid request: params must be an array of strings")
        }
        self.streams = streams
    }

    /// `{"result":null,"id":1}`, or the list of streams as the result.
    func answer(_ streams: [String]? = nil) -> [UInt8] {
        Array(#"{"result":"#.utf8) + Self.encoded(streams) + Array(#","id":"#.utf8) + Self.encoded(id)
            + Array("}".utf8)
    }

    static func answer(_ refusal: Refusal) -> [UInt8] { encoded(refusal) }

    private static func encoded(_ value: some Encodable) -> [UInt8] {
        // Strings and numbers always encode; if they ever fail, the message is empty.
        (try? CompactJSON.bytes(value)) ?? []
    }
}
