import CLibWebSockets

/// A request as the server's delegate sees it; a value that can be stored.
public struct ServerRequest: Sendable {
    /// `GET`, `POST`, `PUT`, `PATCH`, `DELETE`, `OPTIONS` or `HEAD`; other methods never arrive.
    public let method: String
    /// Percent-decoded.
    public private(set) var path: String
    /// In order, percent-decoded; an item without `=` has an empty value. At most 256 are kept.
    public let query: [(name: String, value: String)]
    /// Names in lower case: the usual request headers, and those of `ServerOptions.customHeaders`.
    public let headers: [(name: String, value: String)]
    public internal(set) var body: [UInt8] = []

    /// The first query item of that name.
    public func query(_ name: String) -> String? { query.first { $0.name == name }?.value }

    /// The value of a header, whatever its case.
    public func header(_ name: String) -> String? { HTTPSyntax.value(of: name, in: headers) }

    /// The same request as a server sees it that is mounted at `prefix`, which begins with a slash and does not end with one;
    /// `nil` if the path is not below it.
    public func below(_ prefix: String) -> ServerRequest? {
        guard path.hasPrefix(prefix) else { return nil }
        let rest = path.dropFirst(prefix.count)
        guard rest.isEmpty || rest.hasPrefix("/") else { return nil }
        var request = self
        request.path = rest.isEmpty ? "/" : String(rest)
        return request
    }

    /// Reads the request whose headers libwebsockets has just parsed; `nil` if unsupported.
    init?(_ wsi: OpaquePointer, customHeaders: [String]) {
        var start: UnsafeMutablePointer<CChar>?
        var length: Int32 = 0
        let methods = ["GET", "POST", "OPTIONS", "PUT", "PATCH", "DELETE", "CONNECT", "HEAD"]
        let index = Int(lws_http_get_uri_and_method(wsi, &start, &length))
        guard methods.indices.contains(index), methods[index] != "CONNECT", let start else { return nil }
        method = methods[index]
        let bytes = UnsafeRawBufferPointer(start: start, count: Int(length))
        path = String(decoding: bytes, as: UTF8.self)
        query = Self.queryItems(wsi)
        headers = Self.headers(wsi, customHeaders)
    }

    private static func queryItems(_ wsi: OpaquePointer) -> [(name: String, value: String)] {
        let total = Int(transport_token_length(wsi, Int32(WSI_TOKEN_HTTP_URI_ARGS.rawValue)))
        guard total > 0 else { return [] }
        var items: [(name: String, value: String)] = []
        for index in 0..<256 {
            let text = copyText(total + 1) { transport_query_item(wsi, $0, $1, Int32(index)) }
            guard let text else { break }
            // Bytes, not characters: a combining mark after `=` would make another character of it.
            let cut = text.utf8.firstIndex(of: UInt8(ascii: "=")) ?? text.endIndex
            let value = cut == text.endIndex ? "" : String(text[text.utf8.index(after: cut)...])
            items.append((String(text[..<cut]), value))
        }
        return items
    }

    private static func headers(_ wsi: OpaquePointer, _ custom: [String]) -> [(name: String, value: String)] {
        var found: [(name: String, value: String)] = []
        for token in 0..<transport_token_count() {
            let length = Int(transport_token_length(wsi, token))
            guard length > 0, let raw = transport_token_name(token) else { continue }
            // The table also contains methods ("get ") and HTTP/2's pseudo headers (":path").
            let name = String(cString: raw)
            guard name.hasSuffix(":"), !name.hasPrefix(":") else { continue }
            guard let text = copyText(length + 1, { transport_token_copy(wsi, $0, $1, token) }) else { continue }
            found.append((String(name.dropLast()), text))
        }
        for name in custom {
            let key = name.lowercased() + ":"
            let length = Int(lws_hdr_custom_length(wsi, key, Int32(key.utf8.count)))
            guard length > 0 else { continue }
            let text = copyText(length + 1) { lws_hdr_custom_copy(wsi, $0, $1, key, Int32(key.utf8.count)) }
            if let text { found.append((name.lowercased(), text)) }
        }
        return found
    }

    private static func copyText(
        _ capacity: Int, _ copy: (UnsafeMutablePointer<CChar>, Int32) -> Int32
    ) -> String? {
        withUnsafeTemporaryAllocation(of: CChar.self, capacity: capacity) { buffer in
            guard let base = buffer.baseAddress else { return nil }
            let count = copy(base, Int32(capacity))
            guard count >= 0 else { return nil }
            return String(decoding: UnsafeRawBufferPointer(start: base, count: Int(count)), as: UTF8.self)
        }
    }
}
