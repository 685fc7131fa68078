import Foundation
import Logging
import Synchronization
import ZeroMQ

/// Keeps the addresses of `dns+tcp` endpoints fresh, so that replicas that come and go are found with no broker.
///
/// Resolution may block for seconds, so it runs on a thread of its own; a stage takes over the result with
/// `update(_:)` between two messages.
package final class EndpointDirectory: Sendable {
    /// How often names are resolved again.
    package static let refreshSeconds = 3.0
    /// Most addresses taken for one name.
    package static let addressLimit = 256

    private struct State {
        var addresses: Set<String> = []
        /// The last answer for each name.
        var known: [String: [String]] = [:]
        var version = 0
        var isClosed = false
    }

    private let state = Mutex(State())
    private let logger: Logger
    package let endpoints: [Endpoint]

    package init(_ endpoints: [Endpoint], logger: Logger) {
        self.endpoints = endpoints
        self.logger = logger
        let plain = endpoints.compactMap { if case .plain(let text) = $0 { text } else { nil } }
        state.withLock { $0.addresses = Set(plain) }
        let names = endpoints.compactMap { if case .resolved(let name, let port) = $0 { (name, port) } else { nil } }
        guard !names.isEmpty else { return }
        let thread = Thread { [weak self] in
            while let self, !self.state.withLock({ $0.isClosed }) {
                self.refresh(names, plain)
                Thread.sleep(forTimeInterval: Self.refreshSeconds)
            }
        }
        thread.name = "resolver"
        thread.start()
    }

    deinit { close() }

    /// The addresses now.
    var current: Set<String> { state.withLock { $0.addresses } }

    package func close() { state.withLock { $0.isClosed = true } }

    /// Connects and disconnects `socket` to match the directory; `connected` holds its current connections.
    func update(_ socket: borrowing Socket, connected: inout Set<String>, seen version: inout Int) throws(ZMQError) {
        let (addresses, current) = state.withLock { ($0.addresses, $0.version) }
        guard current != version || connected.isEmpty else { return }
        version = current
        for address in addresses.subtracting(connected).sorted() {
            try socket.connect(address)
            connected.insert(address)
        }
        for address in connected.subtracting(addresses).sorted() {
            try socket.disconnect(address)
            connected.remove(address)
        }
    }

    private func refresh(_ names: [(String, Int)], _ plain: [String]) {
        var addresses = Set(plain)
        for (name, port) in names {
            if let found = Self.resolve(name) {
                state.withLock { $0.known[name] = found.prefix(Self.addressLimit).map { "tcp://\($0):\(port)" } }
            } else {
                // A name that does not resolve keeps its addresses: a DNS outage must not cut a working connection.
                logger.debug("name does not resolve", metadata: ["name": "\(name)"])
            }
            addresses.formUnion(state.withLock { $0.known[name] ?? [] })
        }
        let changed = state.withLock { state in
            guard state.addresses != addresses else { return false }
            state.addresses = addresses
            state.version += 1
            return true
        }
        if changed { logger.info("peers", metadata: ["addresses": "\(addresses.sorted())"]) }
    }

    /// All IPv4 addresses of `name`, sorted; `nil` where it does not resolve.
    static func resolve(_ name: String) -> [String]? {
        var hints = addrinfo()
        hints.ai_family = AF_INET
        hints.ai_socktype = Int32(SOCK_STREAM.rawValue)
        var list: UnsafeMutablePointer<addrinfo>?
        guard getaddrinfo(name, nil, &hints, &list) == 0, let first = list else { return nil }
        defer { freeaddrinfo(first) }
        var addresses: Set<String> = []
        var entry: UnsafeMutablePointer<addrinfo>? = first
        while let current = entry {
            var host = [CChar](repeating: 0, count: Int(NI_MAXHOST))
            if getnameinfo(
                current.pointee.ai_addr, current.pointee.ai_addrlen, &host, socklen_t(host.count), nil, 0,
                NI_NUMERICHOST) == 0
            {
                addresses.insert(String(decoding: host.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self))
            }
            entry = current.pointee.ai_next
        }
        return addresses.isEmpty ? nil : addresses.sorted()
    }
}
