import Synchronization
import Transport

/// Pages that a process serves on its metrics port beside `/health`, `/ready` and `/metrics`.
package final class ExtraPages: Sendable {
    /// Answers requests whose path begins with the registered prefix. Runs on the health thread and must not block it
    /// for long.
    package typealias Handler = @Sendable (ServerRequest) -> PageAnswer

    private let handlers = Mutex<[(prefix: String, handler: Handler)]>([])

    package init() {}

    package func add(_ prefix: String, _ handler: @escaping Handler) {
        handlers.withLock { $0.append((prefix, handler)) }
    }

    func answer(_ request: ServerRequest) -> PageAnswer? {
        let entries = handlers.withLock { $0 }
        let entry = entries.first { request.path == $0.prefix || request.path.hasPrefix($0.prefix + "/") }
        return entry?.handler(request)
    }
}

/// An answer with a JSON body.
package struct PageAnswer {
    package let status: Int
    package var headers: [(name: String, value: String)]
    package let body: [UInt8]

    package init(
        status: Int,
        headers: [(name: String, value: String)] = [
            ("Content-Type", "application/json"), ("Cache-Control", "no-store"),
        ],
        body: [UInt8]
    ) {
        self.status = status
        self.headers = headers
        self.body = body
    }
}
