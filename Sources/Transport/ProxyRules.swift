import Glibc

/// Which proxy a URL is reached through, from the environment: one rule for HTTP (libcurl) and WebSockets
/// (libwebsockets), whose own readings of it differ, so both are told the answer and never ask the environment.
///
/// The variables are those of curl: `https_proxy` or `HTTPS_PROXY` for `https` and `wss`; `http_proxy`, in lower case
/// only, for `http` and `ws`, since a CGI server puts a request's header into `HTTP_PROXY`; `all_proxy` or `ALL_PROXY`
/// for what they leave open; `no_proxy` or `NO_PROXY` with the exceptions. An empty variable counts as unset.
///
/// An exception is `*`, an IP address, a network (`10.0.0.0/8`), or a domain, which also holds for all names that end in
/// it, with or without a leading dot. Each may end in `:port`. Commas or blanks separate them.
public struct ProxyRules: Sendable, Equatable {
    /// Those of this process, read once.
    public static let environment = ProxyRules(environment: variables())
    /// No proxy for anything.
    public static let none = ProxyRules(environment: [:])

    private typealias Setting = (variable: String, text: String)

    private let settings: [String: String]

    public init(environment: [String: String]) {
        settings = environment.filter { !$0.value.isEmpty && Self.names.contains($0.key) }
    }

    /// - Throws: for a proxy that cannot be read. The error does not repeat the proxy, which may hold a password.
    public func route(to url: String) throws(TransportError) -> ProxyRoute {
        guard let place = URLPlace(url) else { return ProxyRoute(proxy: nil, variable: nil) }
        let own = place.isSecure ? ["https_proxy", "HTTPS_PROXY"] : ["http_proxy"]
        guard let setting = first(of: own + ["all_proxy", "ALL_PROXY"]) else {
            return ProxyRoute(proxy: nil, variable: nil)
        }
        if let exceptions = first(of: ["no_proxy", "NO_PROXY"]),
            exceptions.text.split(whereSeparator: { $0 == "," || $0.isWhitespace })
                .contains(where: { ProxyException(String($0)).holds(for: place) })
        {
            return ProxyRoute(proxy: nil, variable: exceptions.variable)
        }
        return ProxyRoute(proxy: try Proxy(setting.text, from: setting.variable), variable: setting.variable)
    }

    private func first(of variables: [String]) -> Setting? {
        for variable in variables { if let text = settings[variable] { return (variable, text) } }
        return nil
    }

    private static let names: Set = [
        "http_proxy", "https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY", "no_proxy", "NO_PROXY",
    ]

    private static func variables() -> [String: String] {
        var result: [String: String] = [:]
        for name in names { if let text = getenv(name) { result[name] = String(cString: text) } }
        return result
    }
}

/// How a URL is reached, and which variable decided it.
public struct ProxyRoute: Sendable, Equatable, CustomStringConvertible {
    /// `nil`: directly.
    public let proxy: Proxy?
    /// `nil` if no variable concerns the URL.
    public let variable: String?

    /// `directly (no_proxy)`, `through the proxy http://***@proxy:3128 (https_proxy)`.
    public var description: String {
        (proxy.map { "through the proxy \($0)" } ?? "directly") + (variable.map { " (\($0))" } ?? "")
    }

    /// The proxy as the end of an error message; empty without one.
    var suffix: String { proxy == nil ? "" : " \(self)" }
}

/// A proxy: `[scheme://][user[:password]@]host[:port]`; the scheme is `http` if not given, the port 443 for `https` and
/// otherwise 1080, as with curl.
public struct Proxy: Sendable, Hashable, CustomStringConvertible {
    public let scheme: String
    /// IPv6 addresses without brackets.
    let host: String
    let port: Int
    /// Percent-decoded.
    let user: String?
    let password: String?

    private static let schemes = ["http", "https", "socks4", "socks4a", "socks5", "socks5h"]

    init(_ text: String, from variable: String) throws(TransportError) {
        func fail(_ reason: String) -> TransportError { TransportError("read the proxy of \(variable)", reason) }
        var rest = text[...]
        while rest.first?.isWhitespace == true { rest.removeFirst() }
        while rest.last?.isWhitespace == true { rest.removeLast() }
        if let mark = rest.firstRange(of: "://") {
            scheme = rest[..<mark.lowerBound].lowercased()
            rest = rest[mark.upperBound...]
        } else {
            scheme = "http"
        }
        guard Self.schemes.contains(scheme) else {
            throw fail("its scheme is not one of \(Self.schemes.joined(separator: ", "))")
        }
        rest = rest.prefix { !"/?#".contains($0) }
        if let at = rest.lastIndex(of: "@") {
            let parts = rest[..<at].split(separator: ":", maxSplits: 1, omittingEmptySubsequences: false)
            user = Self.decoded(parts[0])
            password = parts.count > 1 ? Self.decoded(parts[1]) : nil
            rest = rest[rest.index(after: at)...]
        } else {
            (user, password) = (nil, nil)
        }
        guard let place = URLPlace.hostAndPort(rest) else { throw fail("it has no valid host and port") }
        host = place.host
        port = place.port ?? (scheme == "https" ? 443 : 1_080)
    }

    private static func decoded(_ text: Substring) -> String {
        var bytes: [UInt8] = []
        var rest = Substring(text).utf8
        while let byte = rest.popFirst() {
            if byte == UInt8(ascii: "%"), rest.count >= 2, let value = UInt8(Substring(rest.prefix(2)), radix: 16) {
                bytes.append(value)
                rest = rest.dropFirst(2)
            } else {
                bytes.append(byte)
            }
        }
        return String(decoding: bytes, as: UTF8.self)
    }

    var authority: String { (host.contains(":") ? "[\(host)]" : host) + ":\(port)" }

    /// Without user and password.
    var address: String { "\(scheme)://\(authority)" }

    /// `user:password@host:port`, as `lws_set_proxy` takes it: up to the last `@` nothing is encoded.
    var credentialsAndAuthority: String { (user.map { "\($0):\(password ?? "")@" } ?? "") + authority }

    /// Any address keeps libwebsockets from reading `http_proxy` itself, and from an error for what it cannot read there;
    /// with port 0 it uses none.
    static let noneForLibWebSockets = ":0"

    /// With user and password blanked.
    public var description: String { "\(scheme)://\(user == nil ? "" : "***@")\(authority)" }
}

/// The parts of a URL that choose its proxy.
struct URLPlace {
    let isSecure: Bool
    /// In lower case; IPv6 addresses without brackets.
    let host: String
    let port: Int

    /// `nil` for what is no URL of HTTP or WebSockets; the libraries refuse it.
    init?(_ url: String) {
        guard let mark = url.firstRange(of: "://") else { return nil }
        switch url[..<mark.lowerBound].lowercased() {
        case "http", "ws": isSecure = false
        case "https", "wss": isSecure = true
        default: return nil
        }
        var authority = url[mark.upperBound...].prefix { !"/?#".contains($0) }
        if let at = authority.lastIndex(of: "@") { authority = authority[authority.index(after: at)...] }
        guard let parts = Self.hostAndPort(authority) else { return nil }
        host = parts.host.lowercased()
        port = parts.port ?? (isSecure ? 443 : 80)
    }

    /// Splits `host`, `host:port`, `[address]` or `[address]:port`.
    static func hostAndPort(_ text: Substring) -> (host: String, port: Int?)? {
        var (host, tail) = (text.prefix { $0 != ":" }, text.drop { $0 != ":" })
        if text.first == "[" {
            guard let end = text.firstIndex(of: "]") else { return nil }
            host = text[text.index(after: text.startIndex)..<end]
            tail = text[text.index(after: end)...]
        }
        guard !host.isEmpty, host.allSatisfy({ !$0.isWhitespace && $0 != "[" && $0 != "]" }) else { return nil }
        // A colon without a port is a URL's right.
        guard tail.count > 1 else { return tail.isEmpty || tail == ":" ? (String(host), nil) : nil }
        guard tail.first == ":", let port = UInt16(tail.dropFirst()), port > 0 else { return nil }
        return (String(host), Int(port))
    }
}

/// One entry of `no_proxy`.
private struct ProxyException {
    private enum Target {
        case everything
        case domain(Substring)
        /// The first `bits` of an address.
        case network([UInt8], bits: Int)
        case nothing
    }

    private let target: Target
    private let port: Int?

    init(_ text: String) {
        // An IPv6 address has colons of its own, so addresses are tried before ports.
        if let network = Self.network(text[...]) {
            (target, port) = (network, nil)
        } else if let parts = URLPlace.hostAndPort(text[...]) {
            (target, port) = (Self.network(parts.host[...]) ?? Self.names(parts.host), parts.port)
        } else {
            (target, port) = (.nothing, nil)
        }
    }

    private static func names(_ text: String) -> Target {
        if text == "*" { return .everything }
        var domain = text.lowercased()[...]
        if domain.hasPrefix("*.") { domain = domain.dropFirst() }
        if domain.hasPrefix(".") { domain = domain.dropFirst() }
        if domain.hasSuffix(".") { domain = domain.dropLast() }
        return domain.isEmpty ? .nothing : .domain(domain)
    }

    func holds(for place: URLPlace) -> Bool {
        guard port == nil || port == place.port else { return false }
        switch target {
        case .everything: return true
        case .nothing: return false
        case .domain(let domain):
            let host = place.host.hasSuffix(".") ? place.host.dropLast() : place.host[...]
            guard Self.address(host) == nil else { return false }
            return host == domain || host.hasSuffix(".\(domain)")
        case .network(let network, let bits):
            guard let address = Self.address(place.host[...]), address.count == network.count else { return false }
            return (0..<bits).allSatisfy { (address[$0 / 8] ^ network[$0 / 8]) & (0x80 >> UInt8($0 % 8)) == 0 }
        }
    }

    /// `nil` for what is no address; `.nothing` for an address with an impossible number of bits.
    private static func network(_ text: Substring) -> Target? {
        let parts = text.split(separator: "/", maxSplits: 1, omittingEmptySubsequences: false)
        guard let first = parts.first, let address = address(first) else { return nil }
        guard parts.count == 2 else { return .network(address, bits: address.count * 8) }
        guard let bits = Int(parts[1]), (0...address.count * 8).contains(bits) else { return .nothing }
        return .network(address, bits: bits)
    }

    /// The bytes of an IPv4 or IPv6 address.
    private static func address(_ text: Substring) -> [UInt8]? {
        for (family, count) in [(AF_INET, 4), (AF_INET6, 16)] {
            var bytes = [UInt8](repeating: 0, count: count)
            if inet_pton(family, String(text), &bytes) == 1 { return bytes }
        }
        return nil
    }
}
