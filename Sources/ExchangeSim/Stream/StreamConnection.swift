import Foundation
import Simulation
import Transport

/// A client's connection to a venue that sends its books in the stream: the venue reads what the client asks for.
///
/// A subclass a venue. A subscription to a book is answered with the whole book, as the messages sent so far leave it;
/// the changes follow.
class StreamConnection: VenueConnection {
    /// Largest message of a client.
    private static let byteLimit = 64 << 10

    func opened(_ client: SimulatedClient) {}

    final func received(_ message: Span<UInt8>, from client: SimulatedClient, at now: Int64) {
        guard message.count <= Self.byteLimit else {
            return client.leave(code: 1009, reason: "the message is too long")
        }
        let data = message.withUnsafeBufferPointer { Data($0) }
        received(data, from: client, at: now)
    }

    /// Handles a message of the client.
    func received(_ message: Data, from client: SimulatedClient, at now: Int64) {}

    func adapted(_ frame: MarketFrame, clockShiftMilliseconds milliseconds: Int64) -> MarketFrame { frame }
    func message(in frame: MarketFrame) -> Range<Int> { 0..<frame.bytes.count }
    func shutdownNotice(atMilliseconds time: Int64) -> [UInt8]? { nil }

    // MARK: For subclasses

    /// The members of a JSON object; `nil` for other text.
    static func object(_ message: Data) -> [String: Any]? {
        (try? JSONSerialization.jsonObject(with: message)) as? [String: Any]
    }

    static func send(_ text: String, to client: SimulatedClient) { client.send(Array(text.utf8)) }
}

/// The HTTP API of such a venue: its paths, and one limit of requests a minute.
class StreamAPI: VenueAPI {
    private let requestLimit: Int
    private var minute: Int64 = 0
    private var used = 0

    init(requestLimit: Int) { self.requestLimit = requestLimit }

    let requestHeaders: [String] = []
    var usageHeaders: [(name: String, value: String)] { [] }

    func rejection(of request: ServerRequest) -> VenueAnswer? {
        guard isKnown(path: request.path) else { return VenueAnswer(status: 404, body: []) }
        return request.method == "GET" ? nil : VenueAnswer(status: 405, body: [])
    }

    func charge(_ request: ServerRequest) -> VenueAnswer? {
        let second = Int64(Date().timeIntervalSince1970)
        if second / 60 != minute { (minute, used) = (second / 60, 0) }
        used += 1
        guard used > requestLimit else { return nil }
        return refusal(status: 429, seconds: Double(60 - second % 60))
    }

    func symbol(in request: ServerRequest) -> String? { nil }
    func isForBook(_ request: ServerRequest) -> Bool { false }
    func answer(withBook body: [UInt8]) -> VenueAnswer { VenueAnswer(body: body) }

    func answer(to fault: Fault, seconds: Double) -> VenueAnswer {
        refusal(status: fault.kind == .serverError ? fault.status : fault.kind == .ban ? 418 : 429, seconds: seconds)
    }

    private func refusal(status: Int, seconds: Double) -> VenueAnswer {
        VenueAnswer(
            status: status, headers: [("Retry-After", "\(Int(seconds.rounded(.up)))")],
            body: errorBody(status: status))
    }

    // MARK: For subclasses

    func isKnown(path: String) -> Bool { false }
    /// The venue's own error body.
    func errorBody(status: Int) -> [UInt8] { [] }
    func answer(_ request: ServerRequest, by exchange: ExchangeSimulator, at now: Int64) -> VenueAnswer {
        VenueAnswer(status: 404, body: [])
    }
    func handshake(_ request: ServerRequest) -> Handshake { .refuse(status: 404) }
}
