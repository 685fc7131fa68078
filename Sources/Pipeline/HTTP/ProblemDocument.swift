/// The body of an error answer. Source: RFC 9457.
public struct ProblemDocument: Codable, Sendable, Equatable {
    public static let contentType = "application/problem+json"

    /// The status says what kind of problem it is.
    public var type = "about:blank"
    /// The phrase of the status, e.g. `Bad Request`.
    public let title: String
    public let status: Int
    /// What is wrong with this request, and what to do.
    public let detail: String

    public init(title: String, status: Int, detail: String) {
        self.title = title
        self.status = status
        self.detail = detail
    }
}
