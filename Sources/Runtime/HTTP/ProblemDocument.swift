/// The body of an error answer. Source: RFC 9457.
package struct ProblemDocument: Codable, Sendable, Equatable {
    package static let contentType = "application/problem+json"

    /// The status says what kind of problem it is.
    package var type = "about:blank"
    /// The phrase of the status, e.g. `Bad Request`.
    package let title: String
    package let status: Int
    /// What is wrong with this request, and what to do.
    package let detail: String

    package init(title: String, status: Int, detail: String) {
        self.title = title
        self.status = status
        self.detail = detail
    }
}
