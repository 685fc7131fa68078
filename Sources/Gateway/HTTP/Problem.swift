import HTTPTypes
import Hummingbird

/// An error answer, `application/problem+json`. Source: RFC 9457.
struct Problem: Error, HTTPResponseError {
    let status: HTTPResponse.Status
    /// What was wrong with this very request, and what to do.
    let detail: String
    var headers: HTTPFields

    init(_ status: HTTPResponse.Status, _ detail: String, headers: HTTPFields = [:]) {
        self.status = status
        self.detail = detail
        self.headers = headers
    }

    /// A query that took too long.
    static let storeBusy = Problem(
        .serviceUnavailable, "this query takes too long; narrow it: a symbol, a type, a smaller limit",
        headers: [.retryAfter: "5"])

    /// The body. `type` is `about:blank`: the status says what kind of problem it is.
    struct Document: Codable, Sendable, Equatable {
        var type = "about:blank"
        let title: String
        let status: Int
        let detail: String
    }

    var document: Document { Document(title: status.reasonPhrase, status: status.code, detail: detail) }

    var response: Response {
        var response = Response.json(document, status: status)
        response.headers[.contentType] = "application/problem+json"
        response.headers.append(contentsOf: headers)
        return response
    }

    func response(from request: Request, context: some RequestContext) -> Response { response }
}
