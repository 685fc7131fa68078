import Runtime
import Hummingbird
import NIOCore

extension Response {
    /// An answer with a JSON body that is already written.
    static func json(_ body: ByteBuffer, status: HTTPResponse.Status = .ok) -> Response {
        Response(
            status: status,
            headers: [
                .contentType: "application/json", .cacheControl: "no-store",
                .xContentTypeOptions: "nosniff",
            ], body: ResponseBody(byteBuffer: body))
    }

    /// An answer with `value` as its JSON body, keys sorted. A value of this module that has no JSON (NaN) is a
    /// fault of ours: 500.
    static func json(_ value: some Encodable, status: HTTPResponse.Status = .ok) -> Response {
        guard let body = jsonBytes(value) else {
            return Problem(.internalServerError, "the answer holds a number that JSON does not have").response
        }
        return json(body, status: status)
    }

    /// `value` as JSON with sorted keys; `nil` where it has none.
    static func jsonBytes(_ value: some Encodable) -> ByteBuffer? {
        (try? CompactJSON.bytes(value)).map { ByteBuffer(bytes: $0) }
    }
}
