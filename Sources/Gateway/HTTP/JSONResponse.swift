import Runtime
import Hummingbird
import NIOCore

extension Response {
    /// An answer with an already written JSON body.
    static func json(_ body: ByteBuffer, status: HTTPResponse.Status = .ok) -> Response {
        Response(
            status: status,
            headers: [
                .contentType: "application/json", .cacheControl: "no-store",
                .xContentTypeOptions: "nosniff",
            ], body: ResponseBody(byteBuffer: body))
    }

    /// An answer with `value` as its JSON body, keys sorted. A value that JSON cannot express (NaN) is a server error:
    /// 500.
    static func json(_ value: some Encodable, status: HTTPResponse.Status = .ok) -> Response {
        guard let body = jsonBytes(value) else {
            return Problem(.internalServerError, "the answer holds a number that JSON does not have").response
        }
        return json(body, status: status)
    }

    /// `value` as JSON with sorted keys; `nil` if JSON cannot express it.
    static func jsonBytes(_ value: some Encodable) -> ByteBuffer? {
        (try? CompactJSON.bytes(value)).map { ByteBuffer(bytes: $0) }
    }
}
