import Foundation
import HTTPTypes
import Hummingbird
import NIOCore

extension Request {
    /// Seconds in which a body has to be there.
    static var bodySeconds: Int64 { 30 }
    /// Seconds that a client gets to read the answer to a body that is too large, before its connection is closed.
    private static var refusalSeconds: Int64 { 5 }

    /// The body, where it is declared as JSON and has at most `limit` bytes; else 415 or 413. The connection of a client
    /// that takes too long, or does not stop sending, is closed.
    /// - Parameter what: for the error, e.g. `signal`.
    func jsonBody(upTo limit: Int, of what: String, _ context: GatewayRequestContext) async throws -> ByteBuffer {
        guard Self.isJSON(headers[.contentType]) else {
            throw Problem(
                .unsupportedMediaType, "send the \(what) as Content-Type: application/json",
                headers: [.accept: "application/json"])
        }
        let channel = context.channel
        func tooLarge() -> Problem {
            channel.eventLoop.scheduleTask(in: .seconds(Self.refusalSeconds)) { channel.close(promise: nil) }
            return Problem(
                .contentTooLarge, "a \(what)'s body has at most \(limit) bytes", headers: [.connection: "close"])
        }
        if let length = headers[.contentLength].flatMap(Int.init), length > limit { throw tooLarge() }
        let end = channel.eventLoop.scheduleTask(in: .seconds(Self.bodySeconds)) { channel.close(promise: nil) }
        defer { end.cancel() }
        do {
            return try await body.collect(upTo: limit)
        } catch is NIOTooManyBytesError {
            throw tooLarge()
        }
    }

    /// `application/json`, whatever its parameters.
    private static func isJSON(_ contentType: String?) -> Bool {
        guard contentType != "application/json" else { return true }
        let type = contentType?.prefix { $0 != ";" } ?? ""
        return type.trimmingCharacters(in: .whitespaces).lowercased() == "application/json"
    }
}
