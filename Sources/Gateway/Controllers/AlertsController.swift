import Runtime
import HTTPTypes
import Hummingbird
import NIOCore
import Transport

/// `/api/v1/alerts` and `/api/v1/silences`: forwards requests to the alerter, which stores both.
struct AlertsController: Sendable {
    /// Largest body of a posted silence and of the alerter's answer, in bytes.
    static let bodyLimit = 16 << 10
    static let answerLimit = 16 << 20
    static let timeoutMilliseconds = 5_000

    /// The alerter's address, e.g. `http://127.0.0.1:9104`; `nil` if there is none.
    let alerter: String?
    let http: HTTPClient

    var routes: [Route] {
        [
            Route(
                "/api/v1/alerts",
                "Alerts, newest first (\(Self.alertQuery.joined(separator: ", "))).", [.get: alerts]),
            Route("/api/v1/silences", "Silences in force; POST adds one.", [.get: silences, .post: silences]),
            Route("/api/v1/silences/{id}", "One silence; DELETE ends it.", [.get: silence, .delete: silence]),
        ]
    }

    private static let alertQuery = ["symbol", "type", "channel", "state", "since", "until", "limit", "cursor"]

    @Sendable private func alerts(_ request: Request, _ context: GatewayRequestContext) async throws -> Response {
        let query = try QueryParameters(request, allowed: Self.alertQuery)
        return try await pass(request, to: "/api/v1/alerts" + query.encoded, context)
    }

    @Sendable private func silences(_ request: Request, _ context: GatewayRequestContext) async throws -> Response {
        _ = try QueryParameters(request, allowed: [])
        return try await pass(request, to: "/api/v1/silences", context)
    }

    @Sendable private func silence(_ request: Request, _ context: GatewayRequestContext) async throws -> Response {
        _ = try QueryParameters(request, allowed: [])
        let id = try context.parameters.require("id")
        // Other characters in the URL could lead to other pages of the alerter.
        guard id.wholeMatch(of: /[A-Za-z0-9_-]{1,64}/) != nil else {
            throw Problem(.notFound, "there is no such silence; /api/v1/silences lists them")
        }
        return try await pass(request, to: "/api/v1/silences/" + id, context)
    }

    /// - Parameter place: path and query at the alerter, built from checked parts.
    private func pass(_ request: Request, to place: String, _ context: GatewayRequestContext) async throws -> Response {
        guard let alerter else {
            throw Problem(.serviceUnavailable, "this gateway knows no alerter; start it with --alerter-url")
        }
        let method = request.method == .head ? .get : request.method
        var outgoing = Transport.HTTPRequest(method: method.rawValue, url: alerter + place)
        outgoing.totalTimeoutMilliseconds = Self.timeoutMilliseconds
        outgoing.maxResponseBytes = Self.answerLimit
        if request.method == .post {
            outgoing.body = Array(
                try await request.jsonBody(upTo: Self.bodyLimit, of: "silence", context).readableBytesView)
            outgoing.headers = [(name: "Content-Type", value: "application/json")]
        }
        let answer: Transport.HTTPResponse
        do {
            answer = try await http.send(outgoing)
        } catch {
            context.logger.warning("alerter not reached", metadata: ["error": "\(error)"])
            throw Problem(
                .serviceUnavailable, "the alerter does not answer; try again", headers: [.retryAfter: "2"])
        }
        var response = Response(
            status: .init(code: answer.status), body: ResponseBody(byteBuffer: ByteBuffer(bytes: answer.body)))
        for name in ["Content-Type", "Cache-Control", "Location", "Allow"] {
            guard let value = answer.header(name), let field = HTTPField.Name(name) else { continue }
            response.headers[field] = value
        }
        response.headers[.xContentTypeOptions] = "nosniff"
        return response
    }
}
