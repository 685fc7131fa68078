import Dashboard
import HTTPTypes
import Hummingbird
import NIOCore
import Transport

/// The dashboard: `/` for clients that accept HTML, and its parts under `/dashboard/`. Nothing here needs a key: the
/// page asks its user for a key when the data needs one.
struct DashboardController: Sendable {
    /// Allows only resources from this gateway, no inline script or style, and no framing.
    static let contentSecurityPolicy = """
        default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; base-uri 'none'; \
        form-action 'none'; frame-ancestors 'none'
        """

    var routes: [Route] {
        DashboardFile.parts.map { file in
            Route("/dashboard/\(file.name)", "A part of the dashboard.", [.get: Self.serve(file)])
        }
    }

    /// The route `/`: the dashboard for browsers, `list` for other clients.
    func index(orElse list: Route) -> Route {
        let page = Self.serve(.index)
        return Route(
            "/", "The dashboard; where HTML is not asked for (Accept), this list.",
            list.handlers.mapValues { answer in
                { request, context in
                    let isBrowser = request.headers[.accept]?.contains("text/html") ?? false
                    var response = try await (isBrowser ? page : answer)(request, context)
                    response.headers[.vary] = "Accept"
                    return response
                }
            })
    }

    private static func serve(_ file: DashboardFile) -> Route.Handler {
        let code = HMACSHA256.authenticationCode(for: file.bytes, key: Array(file.name.utf8))
        let tag = "\"\(code.prefix(16).map { String($0, radix: 16) }.joined(separator: "."))\""
        let body = ByteBuffer(bytes: file.bytes)
        let headers: HTTPFields = [
            .contentType: file.mediaType, .cacheControl: "no-cache", .eTag: tag, .xContentTypeOptions: "nosniff",
            .contentSecurityPolicy: contentSecurityPolicy, .referrerPolicy: "no-referrer",
        ]
        return { request, _ in
            if request.headers[.ifNoneMatch] == tag { return Response(status: .notModified, headers: headers) }
            return Response(status: .ok, headers: headers, body: ResponseBody(byteBuffer: body))
        }
    }
}

extension HTTPField.Name {
    /// Source: W3C, Referrer Policy.
    static let referrerPolicy = HTTPField.Name("Referrer-Policy")!
}
