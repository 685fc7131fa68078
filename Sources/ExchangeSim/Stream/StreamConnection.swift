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

    func advance(to now: Int64, _ client: SimulatedClient) {}
    func adapted(_ frame: MarketFrame, clockShiftMilliseconds milliseconds: Int64) -> MarketFrame { frame }
    func message(in frame: MarketFrame) -> Range<Int> { 0..<frame.bytes.count }
    func shutdownNotice(atMilliseconds time: Int64) -> [UInt8]? { nil }
    func frame(_ frame: MarketFrame, with fault: Fault, of feed: MarketFeed) -> MarketFrame? { nil }

    // MARK: For subclasses

    /// The members of a JSON object; `nil` for other text.
    static func object(_ message: Data) -> [String: Any]? {
        (try? JSONSerialization.jsonObject(with: message)) as? [String: Any]
    }

    static func send(_ text: String, to client: SimulatedClient) { client.send(Array(text.utf8)) }
}
