import HTTPTypes
import Hummingbird

/// One path and the methods that it answers.
struct Route: Sendable {
    typealias Handler = @Sendable (Request, GatewayRequestContext) async throws -> Response

    /// Path with placeholders in braces: `/api/v1/signals/{id}`.
    let path: String
    /// The route's purpose, shown in the index.
    let summary: String
    let handlers: [HTTPRequest.Method: Handler]

    init(_ path: String, _ summary: String, _ handlers: [HTTPRequest.Method: Handler]) {
        self.path = path
        self.summary = summary
        self.handlers = handlers
    }

    /// The methods answered, sorted: the handlers' methods, HEAD if there is GET, and OPTIONS.
    var methods: [String] {
        var names = Set(handlers.keys.map(\.rawValue))
        names.insert(HTTPRequest.Method.options.rawValue)
        if handlers[.get] != nil { names.insert(HTTPRequest.Method.head.rawValue) }
        return names.sorted()
    }

    /// Methods that every path answers, at least with 405.
    static let knownMethods: [HTTPRequest.Method] = [
        .get, .head, .post, .put, .patch, .delete, .options, .trace, .query,
    ]

    /// The handler of a method: the route's own, or the default that HTTP prescribes.
    func handler(for method: HTTPRequest.Method) -> Handler {
        if let own = handlers[method] { return own }
        let allow = methods.joined(separator: ", ")
        if method == .options { return { _, _ in Response(status: .noContent, headers: [.allow: allow]) } }
        if method == .head, let get = handlers[.get] {
            return { request, context in
                let answer = try await get(request, context)
                var head = answer.createHeadResponse()
                // A stream has no length; that of an empty body would be another answer's.
                head.headers[.contentLength] = answer.headers[.contentLength]
                return head
            }
        }
        let path = path
        return { _, _ in
            throw Problem(
                .methodNotAllowed, "\(path) does not answer \(method); use \(allow)", headers: [.allow: allow])
        }
    }
}

extension HTTPRequest.Method {
    /// A GET with a body. Source: draft-ietf-httpbis-safe-method-w-body.
    fileprivate static var query: Self { HTTPRequest.Method("QUERY") ?? .get }
}

extension Route {
    /// Whether the route may require a key. Pages and their files, health and the API contract are open to everybody.
    var isGuarded: Bool { path.hasPrefix("/api/") || path == "/metrics" }

    /// The handler behind the policy, which admits a request or rejects it. Answers that only list the methods are
    /// open.
    fileprivate func handler(for method: HTTPRequest.Method, behind policy: AccessPolicy) -> Handler {
        let handler = handler(for: method)
        let isRead = method == .get || method == .head
        guard isGuarded, !policy.isOpen, handlers[method] != nil || method == .head && handlers[.get] != nil else {
            return handler
        }
        return { request, context in
            try policy.admit(request, context, needing: isRead ? .read : .write)
            return try await handler(request, context)
        }
    }
}

extension Router where Context == GatewayRequestContext {
    func add(_ route: Route, behind policy: AccessPolicy) {
        for method in Route.knownMethods {
            on("\(route.path)", method: method, use: route.handler(for: method, behind: policy))
        }
    }
}
