/// The HTTP/1.1 rules (RFC 9110, 9112) that both sides check before bytes leave or enter.
public enum HTTPSyntax {
    /// The name must be a token and the value free of control characters, so that no line can be smuggled in.
    static func isHeader(_ name: String, _ value: String) -> Bool {
        isToken(name) && value.utf8.allSatisfy { ($0 >= 0x20 && $0 != 0x7f) || $0 == 0x09 }
    }

    static func isToken(_ text: String) -> Bool {
        !text.isEmpty
            && text.utf8.allSatisfy { byte in
                switch byte {
                case UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
                    UInt8(ascii: "a")...UInt8(ascii: "z"):
                    true
                default: "!#$%&'*+-.^_`|~".utf8.contains(byte)
                }
            }
    }

    /// Case-insensitive look-up of the first header with that name.
    static func value(of name: String, in headers: [(name: String, value: String)]) -> String? {
        let wanted = name.lowercased()
        return headers.first { $0.name.lowercased() == wanted }?.value
    }

    /// The status line's phrase; purely informative.
    public static func phrase(_ status: Int) -> String {
        switch status {
        case 200: "OK"
        case 201: "Created"
        case 202: "Accepted"
        case 204: "No Content"
        case 301: "Moved Permanently"
        case 302: "Found"
        case 304: "Not Modified"
        case 400: "Bad Request"
        case 401: "Unauthorized"
        case 403: "Forbidden"
        case 404: "Not Found"
        case 405: "Method Not Allowed"
        case 409: "Conflict"
        case 411: "Length Required"
        case 413: "Content Too Large"
        case 418: "I'm a teapot"
        case 429: "Too Many Requests"
        case 431: "Request Header Fields Too Large"
        case 451: "Unavailable For Legal Reasons"
        case 500: "Internal Server Error"
        case 501: "Not Implemented"
        case 502: "Bad Gateway"
        case 503: "Service Unavailable"
        case 504: "Gateway Timeout"
        default: "Status"
        }
    }

    /// A response's head. Malformed headers are left out. The length is always stated, except where the protocol
    /// forbids it (1xx, 204).
    static func head(
        status: Int, headers: [(name: String, value: String)], contentLength: Int, closes: Bool
    ) -> [UInt8] {
        var text = "HTTP/1.1 \(status) \(phrase(status))\r\n"
        for header in headers where isHeader(header.name, header.value) {
            let name = header.name.lowercased()
            if name == "content-length" || name == "connection" || name == "transfer-encoding" { continue }
            text += "\(header.name): \(header.value)\r\n"
        }
        if status >= 200 && status != 204 { text += "content-length: \(contentLength)\r\n" }
        if closes { text += "connection: close\r\n" }
        return Array((text + "\r\n").utf8)
    }
}
