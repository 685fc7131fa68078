/// A request of `HTTPClient`.
public struct HTTPRequest: Sendable {
    public var method: String
    /// `http://` or `https://`.
    public var url: String
    public var headers: [(name: String, value: String)]
    public var body: [UInt8]
    public var connectTimeoutMilliseconds = 5_000
    /// From `send` to the last byte, including the wait for a free connection.
    public var totalTimeoutMilliseconds = 10_000
    /// A larger response ends the transfer with `.tooLarge`. libcurl limits headers (300 KiB together).
    public var maxResponseBytes = 16 << 20
    public var tls = TLSOptions()
    public var proxies = ProxyRules.environment
    /// Asks a proxy to `CONNECT` for `http` URLs too, as for `https` ones and for WebSockets. Otherwise it is sent the
    /// request itself, as proxies commonly expect for plain `http`.
    public var isTunnelled = false

    public init(
        method: String = "GET", url: String, headers: [(name: String, value: String)] = [], body: [UInt8] = []
    ) {
        self.method = method
        self.url = url
        self.headers = headers
        self.body = body
    }
}

/// The server's answer, including 4xx and 5xx. Redirects are not followed.
public struct HTTPResponse: Sendable {
    public let status: Int
    /// In order of arrival.
    public let headers: [(name: String, value: String)]
    public let body: [UInt8]
    /// Time for name resolution and TCP connection; zero for a reused connection.
    public let connectTime: Duration
    public let totalTime: Duration
    /// The client's own port: equal for requests over one connection.
    public let localPort: Int

    /// The first header of that name, whatever its case.
    public func header(_ name: String) -> String? { HTTPSyntax.value(of: name, in: headers) }
}

/// Why there is no answer. Messages name only the URL's scheme and host, and the proxy if there is one: the rest (a
/// webhook's path, a token in a query, a password) may be a secret.
public enum HTTPError: Error, Sendable, Equatable {
    /// The connect or total timeout expired.
    case timedOut(String)
    /// The host's name, or the proxy's, does not resolve.
    case unknownHost(String)
    /// Connection refused or broken.
    case connectionFailed(String)
    /// The certificate was rejected, or TLS failed otherwise.
    case tls(String)
    case tooLarge(limitBytes: Int)
    case cancelled
    /// Not a well-formed `http`/`https` URL, method or header.
    case badURL(String)
    /// More requests at once than `HTTPClient.maxRequests`.
    case tooManyRequests(limit: Int)
    /// Any other result of libcurl, with its `CURLcode`.
    case other(code: Int, message: String)
}

extension HTTPError: CustomStringConvertible {
    public var description: String {
        switch self {
        case .timedOut(let message): "timed out: \(message)"
        case .unknownHost(let message), .connectionFailed(let message): "connection failed: \(message)"
        case .tls(let message): "TLS: \(message)"
        case .tooLarge(let limit): "the answer is longer than \(limit) bytes"
        case .cancelled: "cancelled"
        case .badURL(let message): "bad request: \(message)"
        case .tooManyRequests(let limit): "more than \(limit) requests at once"
        case .other(let code, let message): "\(message) (libcurl \(code))"
        }
    }
}

/// A request under way.
public struct HTTPTask: Sendable {
    let id: UInt64
    let client: HTTPClient

    /// Ends the request with `.cancelled`, unless it has ended. Callable from any thread.
    public func cancel() { client.cancel(id) }
}
