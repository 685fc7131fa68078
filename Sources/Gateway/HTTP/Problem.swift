import Runtime
import HTTPTypes
import Hummingbird

/// An error answer whose body is a `ProblemDocument`.
struct Problem: Error, HTTPResponseError {
    let status: HTTPResponse.Status
    /// What was wrong with this request, and how to fix it.
    let detail: String
    var headers: HTTPFields

    init(_ status: HTTPResponse.Status, _ detail: String, headers: HTTPFields = [:]) {
        self.status = status
        self.detail = detail
        self.headers = headers
    }

    init(_ error: QueryError) { self.init(.badRequest, error.detail) }

    /// The answer to a query that took too long.
    static let storeBusy = Problem(
        .serviceUnavailable, "this query takes too long; narrow it: a symbol, a type, a smaller limit",
        headers: [.retryAfter: "5"])

    /// The body of the answer.
    var document: ProblemDocument {
        ProblemDocument(title: status.reasonPhrase, status: status.code, detail: detail)
    }

    var response: Response {
        var response = Response.json(document, status: status)
        response.headers[.contentType] = ProblemDocument.contentType
        response.headers.append(contentsOf: headers)
        return response
    }

    func response(from request: Request, context: some RequestContext) -> Response { response }
}
