import Foundation
import Glibc

/// A plain TCP connection that speaks HTTP/1.1 by hand, so that a test sees every byte and can be as slow or as rude
/// as a real client. It blocks; use it on a thread of its own.
final class Connection {
    struct Failure: Error, CustomStringConvertible {
        let description: String
    }

    struct Answer {
        let status: Int
        /// Names in lower case.
        let headers: [String: String]
        let body: String

        func decode<Value: Decodable>(_ type: Value.Type) throws -> Value {
            try JSONDecoder().decode(type, from: Data(body.utf8))
        }
    }

    /// Reached only on failure.
    static let patienceSeconds = 30.0

    private let descriptor: Int32
    private let noSignal = Int32(MSG_NOSIGNAL)
    /// Bytes received and not yet consumed.
    private(set) var received: [UInt8] = []
    private(set) var isAtEnd = false

    /// - Parameter receiveBuffer: bytes that the kernel takes in for a client that does not read.
    init(port: Int, receiveBuffer: Int32? = nil) throws {
        descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        guard descriptor >= 0 else { throw Failure(description: "socket: errno \(errno)") }
        if var size = receiveBuffer {
            setsockopt(descriptor, SOL_SOCKET, SO_RCVBUF, &size, socklen_t(MemoryLayout<Int32>.size))
        }
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = in_port_t(UInt16(port)).bigEndian
        address.sin_addr.s_addr = in_addr_t(0x7F00_0001).bigEndian
        let result = withUnsafePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                connect(descriptor, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
            }
        }
        guard result == 0 else { throw Failure(description: "connect to \(port): errno \(errno)") }
    }

    deinit { close(descriptor) }

    func send(_ text: String) throws {
        var bytes = Array(text.utf8)[...]
        while !bytes.isEmpty {
            let count = bytes.withUnsafeBytes { Glibc.send(descriptor, $0.baseAddress, $0.count, noSignal) }
            guard count > 0 else { throw Failure(description: "send: errno \(errno)") }
            bytes = bytes.dropFirst(count)
        }
    }

    func sendRequest(_ method: String, _ path: String, headers: [(String, String)] = [], body: String? = nil) throws {
        var text = "\(method) \(path) HTTP/1.1\r\nHost: localhost\r\n"
        for (name, value) in headers { text += "\(name): \(value)\r\n" }
        if let body { text += "Content-Length: \(body.utf8.count)\r\n\r\n\(body)" } else { text += "\r\n" }
        try send(text)
    }

    /// Reads whatever is there within `seconds`; `false` where nothing came.
    @discardableResult
    func readMore(within seconds: Double) throws -> Bool {
        guard !isAtEnd else { return false }
        var poll = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
        guard Glibc.poll(&poll, 1, Int32(seconds * 1000)) > 0 else { return false }
        var chunk = [UInt8](repeating: 0, count: 1 << 16)
        let count = recv(descriptor, &chunk, chunk.count, 0)
        // A reset is an end too: it is how a connection is closed on a client that does not read.
        if count <= 0 { isAtEnd = true } else { received += chunk.prefix(count) }
        return true
    }

    /// Reads until `condition` holds, the connection ends or patience does; returns whether it holds.
    func read(within seconds: Double = patienceSeconds, until condition: (Connection) throws -> Bool) throws -> Bool {
        let deadline = Date(timeIntervalSinceNow: seconds)
        while true {
            if try condition(self) { return true }
            let left = deadline.timeIntervalSinceNow
            guard left > 0, try readMore(within: left) else { return try condition(self) }
        }
    }

    /// Forgets what was received.
    func clear() { received = [] }

    /// Everything received so far, as text.
    var text: String { String(decoding: received, as: UTF8.self) }

    /// Reads one answer with a Content-Length, or without a body.
    func answer(toHead: Bool = false) throws -> Answer {
        let separator = Array("\r\n\r\n".utf8)
        guard try read(until: { $0.received.firstRange(of: separator) != nil }),
            let end = received.firstRange(of: separator)
        else { throw Failure(description: "no answer; got '\(text.prefix(200))'") }
        let lines = String(decoding: received[..<end.lowerBound], as: UTF8.self).components(separatedBy: "\r\n")
        let status = lines[0].split(separator: " ").dropFirst().first.flatMap { Int($0) }
        var headers: [String: String] = [:]
        for line in lines.dropFirst() {
            let parts = line.split(separator: ":", maxSplits: 1)
            headers[parts[0].lowercased()] = parts.count == 2 ? parts[1].trimmingCharacters(in: .whitespaces) : ""
        }
        received.removeSubrange(..<end.upperBound)
        let length = toHead ? 0 : headers["content-length"].flatMap { Int($0) } ?? 0
        guard try read(until: { $0.received.count >= length }) else { throw Failure(description: "body cut short") }
        let body = String(decoding: received.prefix(length), as: UTF8.self)
        received.removeFirst(length)
        return Answer(status: status ?? 0, headers: headers, body: body)
    }
}

/// One request on a connection of its own.
func ask(
    _ port: Int, _ method: String, _ path: String, headers: [(String, String)] = [], body: String? = nil
) throws -> Connection.Answer {
    let connection = try Connection(port: port)
    try connection.sendRequest(method, path, headers: headers, body: body)
    return try connection.answer(toHead: method == "HEAD")
}

func post(
    _ port: Int, _ body: String, contentType: String? = "application/json", headers: [(String, String)] = []
) throws -> Connection.Answer {
    let type = contentType.map { [("Content-Type", $0)] } ?? []
    return try ask(port, "POST", "/api/v1/signals", headers: type + headers, body: body)
}

/// An open live stream.
final class StreamClient {
    let connection: Connection

    init(
        port: Int, path: String = "/api/v1/signals/stream", lastEventID: String? = nil, receiveBuffer: Int32? = nil
    ) throws {
        connection = try Connection(port: port, receiveBuffer: receiveBuffer)
        try connection.sendRequest(
            "GET", path,
            headers: [("Accept", "text/event-stream")] + (lastEventID.map { [("Last-Event-ID", $0)] } ?? []))
    }

    /// Waits until the stream is open, which its first line says.
    func opened() throws -> Bool { try connection.read { $0.text.contains("retry: ") } }

    /// Waits for `count` events and returns the ids of all that came, in their order.
    func ids(_ count: Int) throws -> [String] {
        // The first lines of an event may come before its last: first the cheap look, then whether it is complete.
        _ = try connection.read {
            $0.received.count(of: "\nevent: signal\n") >= count && events.count { $0.name == "signal" } >= count
        }
        return events.compactMap(\.id)
    }

    struct Event {
        var id: String?
        var name: String?
        var data = ""
    }

    /// The complete events received, without comments. The chunk sizes of HTTP stand on lines of their own and are
    /// none of the stream's fields.
    var events: [Event] {
        connection.text.components(separatedBy: "\n\n").dropLast().compactMap { block in
            var event = Event()
            for line in block.replacing("\r\n", with: "\n").split(separator: "\n") {
                if line.hasPrefix("id: ") { event.id = String(line.dropFirst(4)) }
                if line.hasPrefix("event: ") { event.name = String(line.dropFirst(7)) }
                if line.hasPrefix("data: ") { event.data += line.dropFirst(6) }
            }
            return event.name == nil ? nil : event
        }
    }
}

extension [UInt8] {
    /// How often `text` occurs.
    func count(of text: String) -> Int {
        let pattern = Array(text.utf8)
        return withUnsafeBytes { (bytes: UnsafeRawBufferPointer) -> Int in
            guard var start = bytes.baseAddress else { return 0 }
            let end = start + bytes.count
            var count = 0
            while end - start >= pattern.count, let hit = memchr(start, Int32(pattern[0]), end - start) {
                let candidate = UnsafeRawPointer(hit)
                let isHit = end - candidate >= pattern.count && memcmp(candidate, pattern, pattern.count) == 0
                if isHit { count += 1 }
                start = candidate + (isHit ? pattern.count : 1)
            }
            return count
        }
    }
}
