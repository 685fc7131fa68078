/// The parts of a `ws://` or `wss://` URL that a handshake needs.
struct WebSocketURL: Equatable {
    var isSecure: Bool
    var host: String
    var port: Int
    /// Path and query, starting at the first slash.
    var target: String
    /// The `Host` header: with the port when it is not the default one.
    var authority: String

    struct Malformed: Error { var message: String }

    init(_ url: String) throws(Malformed) {
        var rest = url[...]
        if Self.removePrefix("wss://", of: &rest) {
            isSecure = true
        } else if Self.removePrefix("ws://", of: &rest) {
            isSecure = false
        } else {
            throw Malformed(message: "the URL does not begin with ws:// or wss://")
        }
        guard url.utf8.allSatisfy({ $0 > 0x20 && $0 < 0x7f }) else {
            throw Malformed(message: "the URL has a space, a control character or a character that is not ASCII")
        }
        let end = rest.firstIndex { "/?#".contains($0) } ?? rest.endIndex
        let place = rest[..<end]
        let tail = rest[end...].prefix { $0 != "#" }
        target = tail.hasPrefix("/") ? String(tail) : "/" + tail
        guard target.utf8.count <= WebSocketRequest.longestTarget else {
            throw Malformed(
                message: "path and query have \(target.utf8.count) bytes, of at most \(WebSocketRequest.longestTarget)")
        }
        guard !place.contains("@") else { throw Malformed(message: "the URL has user information") }
        guard !place.contains("[") else { throw Malformed(message: "IPv6 literals are not supported") }
        let pieces = place.split(separator: ":", omittingEmptySubsequences: false)
        host = pieces.first.map(String.init) ?? ""
        guard !host.isEmpty, host.utf8.count <= 253 else { throw Malformed(message: "the URL has no valid host") }
        let defaultPort = isSecure ? 443 : 80
        switch pieces.count {
        case 1: port = defaultPort
        case 2:
            guard let number = UInt16(pieces[1]), number > 0 else {
                throw Malformed(message: "the URL's port is not a number from 1 to 65535")
            }
            port = Int(number)
        default: throw Malformed(message: "the URL has more than one port")
        }
        authority = port == defaultPort ? host : "\(host):\(port)"
    }

    private static func removePrefix(_ prefix: String, of text: inout Substring) -> Bool {
        guard text.lowercased().hasPrefix(prefix) else { return false }
        text.removeFirst(prefix.count)
        return true
    }

    /// The path alone.
    var path: String { String(target.prefix { $0 != "?" }) }
}
