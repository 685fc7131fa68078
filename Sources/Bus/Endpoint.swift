import Runtime

/// Where a ZeroMQ socket binds or connects.
package enum Endpoint: Sendable, Hashable, CustomStringConvertible {
    /// `tcp://host:port` or `ipc://path`, handed to libzmq as it is.
    case plain(String)
    /// `dns+tcp://name:port`: every address that the name resolves to, now and later.
    case resolved(name: String, port: Int)

    /// Parses one endpoint; the error names what is wrong with it.
    package init(_ text: String, setting: String) throws(ConfigurationError) {
        func bad(_ problem: String) -> ConfigurationError {
            ConfigurationError(setting: setting, problem: "'\(text)' \(problem)")
        }
        if text.hasPrefix("ipc://") {
            guard text.utf8.count > 6, text.utf8.count <= 107 else { throw bad("needs a path of at most 101 bytes") }
            self = .plain(text)
            return
        }
        let isResolved = text.hasPrefix("dns+tcp://")
        guard isResolved || text.hasPrefix("tcp://") else {
            throw bad("is no endpoint; use tcp://host:port, ipc://path or dns+tcp://name:port")
        }
        let address = text.dropFirst(isResolved ? 10 : 6)
        guard let colon = address.lastIndex(of: ":"), colon != address.startIndex else { throw bad("needs host:port") }
        let portText = address[address.index(after: colon)...]
        let port = Int(portText)
        guard portText == "*" || port.map({ (1...65_535).contains($0) }) == true else {
            throw bad("needs a port from 1 to 65535")
        }
        if isResolved {
            guard let port else { throw bad("needs a port from 1 to 65535") }
            self = .resolved(name: String(address[..<colon]), port: port)
        } else {
            self = .plain(text)
        }
    }

    package enum Use: Sendable { case bind, connect }

    /// Parses a non-empty list. Only plain endpoints can be bound; only endpoints with a port can be connected to.
    package static func list(
        _ texts: [String], setting: String, use: Use = .connect
    ) throws(ConfigurationError) -> [Endpoint] {
        var endpoints: [Endpoint] = []
        for text in texts {
            let endpoint = try Endpoint(text, setting: setting)
            switch (endpoint, use) {
            case (.resolved, .bind):
                throw ConfigurationError(setting: setting, problem: "'\(text)' cannot be bound; use tcp:// or ipc://")
            case (.plain, .connect) where text.hasSuffix(":*"):
                throw ConfigurationError(setting: setting, problem: "'\(text)' needs a port to connect to")
            default: endpoints.append(endpoint)
            }
        }
        guard !endpoints.isEmpty else { throw ConfigurationError(setting: setting, problem: "needs an endpoint") }
        return endpoints
    }

    package var description: String {
        switch self {
        case .plain(let text): text
        case .resolved(let name, let port): "dns+tcp://\(name):\(port)"
        }
    }
}
