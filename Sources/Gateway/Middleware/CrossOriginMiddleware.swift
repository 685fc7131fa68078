import HTTPTypes
import Hummingbird

/// Lets web pages of configured other origins use the service. Keys travel in headers, so that no page can use
/// credentials stored in the browser. Source: WHATWG Fetch, section "CORS protocol".
struct CrossOriginMiddleware: RouterMiddleware {
    typealias Context = GatewayRequestContext

    private static let headers = "Authorization, Content-Type, Idempotency-Key, Last-Event-ID, X-API-Key"
    private static let methods = "GET, HEAD, POST, DELETE, OPTIONS"
    /// Seconds for which a browser may cache the answer.
    private static let memorySeconds = 600

    /// Allowed origins as browsers write them, `https://example.org`; `*` for all. Empty for none.
    let origins: Set<String>

    func handle(
        _ request: Request, context: GatewayRequestContext,
        next: (Request, GatewayRequestContext) async throws -> Response
    ) async throws -> Response {
        guard !origins.isEmpty, let origin = request.headers[.origin] else {
            return try await next(request, context)
        }
        let isAllowed = origins.contains("*") || origins.contains(origin)
        let isPreflight = request.method == .options && request.headers[.accessControlRequestMethod] != nil
        var response =
            isPreflight ? Response(status: .noContent) : try await next(request, context)
        response.headers[values: .vary].append("Origin")
        guard isAllowed else { return response }
        response.headers[.accessControlAllowOrigin] = origins.contains("*") ? "*" : origin
        if isPreflight {
            response.headers[.accessControlAllowMethods] = Self.methods
            response.headers[.accessControlAllowHeaders] = Self.headers
            response.headers[.accessControlMaxAge] = "\(Self.memorySeconds)"
        } else {
            response.headers[.accessControlExposeHeaders] = "Location, Retry-After"
        }
        return response
    }
}
