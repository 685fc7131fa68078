import Foundation
import HTTPTypes
import Hummingbird
import NIOCore

extension Request {
    /// Seconds within which the body must arrive.
    static var bodySeconds: Int64 { 30 }
    /// Seconds for a client to read the answer to a too large body, before its connection is closed.
    private static var refusalSeconds: Int64 { 5 }

    /// The body, if declared as JSON and at most `limit` bytes long; else throws 415 or 413. If a client takes too long
    /// or does not stop sending, its connection is closed.
    /// - Parameter what: name of the posted object for the error, e.g. `signal`.
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

    /// Whether the type is `application/json`, with any parameters.
    private static func isJSON(_ contentType: String?) -> Bool {
        guard contentType != "application/json" else { return true }
        let type = contentType?.prefix { $0 != ";" } ?? ""
        return type.trimmingCharacters(in: .whitespaces).lowercased() == "application/json"
    }
}
