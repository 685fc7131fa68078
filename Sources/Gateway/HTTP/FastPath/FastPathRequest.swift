import Glibc

/// One of the most frequent requests, read straight from the bytes of its connection.
///
/// The reader accepts only requests that it understands to the last byte: the canonical form that programs send.
/// Everything else (another path, another header, another spelling) goes to the full HTTP parser, so that no request is
/// ever interpreted in two ways.
struct FastPathRequest: Equatable {
    enum Kind: Equatable {
        case health
        /// The query as sent, without its question mark; empty if there is none.
        case signals(query: String)
        /// The body of the POST.
        case post(ArraySlice<UInt8>)
    }

    enum Outcome: Equatable {
        case request(FastPathRequest, length: Int)
        /// The bytes so far may be the beginning of such a request.
        case incomplete
        /// A request for the full HTTP parser.
        case other
    }

    /// Longest request head read here, in bytes.
    static let headLimit = 2_048
    /// Longest body read here, in bytes: many times the size of the four fields.
    static let bodyLimit = 1_024

    let kind: Kind
    /// The API key sent with the request.
    let key: String?

    static func read(_ bytes: UnsafeRawBufferPointer) -> Outcome {
        var reader = Reader(bytes: bytes)
        return reader.read()
    }
}

private struct Reader {
    let bytes: UnsafeRawBufferPointer
    private var position = 0

    init(bytes: UnsafeRawBufferPointer) { self.bytes = bytes }

    mutating func read() -> FastPathRequest.Outcome {
        guard let line = nextLine() else { return unfinished }
        let text = bytes[line]
        let isPost = text.starts(with: "POST /api/v1/signals HTTP/1.1".utf8)
        var kind: FastPathRequest.Kind?
        if isPost {
            guard text.count == 29 else { return .other }
        } else if text.elementsEqual("GET /health HTTP/1.1".utf8) {
            kind = .health
        } else {
            guard text.starts(with: "GET /api/v1/signals".utf8), text.reversed().starts(with: "1.1/PTTH ".utf8) else {
                return .other
            }
            let target = text.dropFirst(19).dropLast(9)
            guard target.isEmpty || target.first == UInt8(ascii: "?"), target.allSatisfy({ (0x21...0x7E).contains($0) })
            else { return .other }
            kind = .signals(query: String(decoding: target.dropFirst(), as: UTF8.self))
        }
        var key: String?
        var hostCount = 0
        var length: Int?
        var isJSON = false
        while true {
            guard let line = nextLine() else { return unfinished }
            if line.isEmpty { break }
            let text = bytes[line]
            guard let colon = text.firstIndex(of: UInt8(ascii: ":")), colon > text.startIndex else { return .other }
            let name = text[text.startIndex..<colon]
            var value = text[(colon + 1)...]
            while value.first == UInt8(ascii: " ") { value.removeFirst() }
            while value.last == UInt8(ascii: " ") { value.removeLast() }
            guard value.allSatisfy({ $0 >= 0x20 && $0 != 0x7F }) else { return .other }
            switch Header(name) {
            case .harmless: continue
            case .host:
                guard !value.isEmpty, value.allSatisfy(MessageRules.isHostByte) else { return .other }
                hostCount += 1
            case .connection:
                guard Header.isEqual(value, "keep-alive") else { return .other }
            case .contentType:
                guard isPost, !isJSON, value.elementsEqual("application/json".utf8) else { return .other }
                isJSON = true
            case .contentLength:
                guard isPost, length == nil, (1...5).contains(value.count),
                    value.allSatisfy({ (0x30...0x39).contains($0) }),
                    let number = Int(String(decoding: value, as: UTF8.self)), number > 0
                else { return .other }
                length = number
            case .key:
                guard key == nil else { return .other }
                key = String(decoding: value, as: UTF8.self)
            case .authorization:
                guard key == nil, value.count > 7, Header.isEqual(value.prefix(7), "bearer ") else { return .other }
                key = String(decoding: value.dropFirst(7), as: UTF8.self)
            case .other: return .other
            }
        }
        guard hostCount == 1 else { return .other }
        if let kind { return .request(FastPathRequest(kind: kind, key: key), length: position) }
        guard isJSON, let length, length <= FastPathRequest.bodyLimit else { return .other }
        guard bytes.count >= position + length else { return .incomplete }
        let body = Array(bytes[position..<position + length])
        return .request(FastPathRequest(kind: .post(body[...]), key: key), length: position + length)
    }

    private var unfinished: FastPathRequest.Outcome { bytes.count > FastPathRequest.headLimit ? .other : .incomplete }

    /// The next line without its CR LF; `nil` if it is incomplete. A line that ends otherwise contains a control
    /// character, which every parser of a line's parts rejects.
    private mutating func nextLine() -> Range<Int>? {
        guard position < bytes.count, let base = bytes.baseAddress,
            let hit = memchr(base + position, 0x0A, bytes.count - position)
        else { return nil }
        let end = UnsafeRawPointer(hit) - base
        let start = position
        guard end <= FastPathRequest.headLimit else { return nil }
        position = end + 1
        guard end > start, bytes[end - 1] == 0x0D else { return start..<end + 1 }
        return start..<end - 1
    }
}

/// The meaning of a header for the fast-path requests.
private enum Header {
    case harmless, host, connection, contentType, contentLength, key, authorization, other

    init(_ name: Slice<UnsafeRawBufferPointer>) {
        func isNamed(_ text: StaticString) -> Bool { Self.isEqual(name, text) }
        switch name.count {
        case 4 where isNamed("host"): self = .host
        case 6 where isNamed("accept"): self = .harmless
        case 9 where isNamed("x-api-key"): self = .key
        case 10 where isNamed("user-agent"): self = .harmless
        case 10 where isNamed("connection"): self = .connection
        case 12 where isNamed("content-type"): self = .contentType
        case 13 where isNamed("authorization"): self = .authorization
        case 14 where isNamed("content-length"): self = .contentLength
        case 15 where isNamed("accept-encoding"): self = .harmless
        case 15 where isNamed("accept-language"): self = .harmless
        default: self = .other
        }
    }

    /// Whether `text` equals the lower-case `other`, ignoring case.
    static func isEqual(_ text: Slice<UnsafeRawBufferPointer>, _ other: StaticString) -> Bool {
        guard text.count == other.utf8CodeUnitCount else { return false }
        var letter = other.utf8Start
        for byte in text {
            let lower = (UInt8(ascii: "A")...UInt8(ascii: "Z")).contains(byte) ? byte | 0x20 : byte
            guard lower == letter.pointee else { return false }
            letter += 1
        }
        return true
    }
}
