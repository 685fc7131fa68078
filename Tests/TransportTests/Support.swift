import Foundation
import Glibc
import Testing

@testable import Transport

/// All tests of the module run one after the other: some count the descriptors of the process.
@Suite(.serialized) struct TransportTests {}

/// Runs the loop until the condition holds; false when it does not within the deadline.
func run(_ loop: EventLoop, seconds: Double = 20, until condition: () -> Bool) -> Bool {
    let deadline = ContinuousClock.now + .seconds(seconds)
    while !condition() {
        guard ContinuousClock.now < deadline else { return false }
        loop.runOnce(timeoutMilliseconds: 20)
    }
    return true
}

/// Remembers what happens to WebSocket connections; optionally echoes.
final class Recorder: WebSocketDelegate {
    var opened: [WebSocketConnection] = []
    var messages: [(bytes: [UInt8], kind: MessageKind)] = []
    var pongs = 0
    var drains = 0
    var closes: [WebSocketCloseReason] = []
    var onOpen: ((WebSocketConnection) -> Void)?
    var onMessage: (([UInt8], MessageKind, WebSocketConnection) -> Void)?

    var texts: [String] { messages.map { String(decoding: $0.bytes, as: UTF8.self) } }

    static func echo() -> Recorder {
        let recorder = Recorder()
        recorder.onMessage = { bytes, kind, connection in _ = connection.send(bytes, kind: kind) }
        return recorder
    }

    func didOpen(_ connection: WebSocketConnection) {
        opened.append(connection)
        onOpen?(connection)
    }

    func didReceive(_ message: Span<UInt8>, kind: MessageKind, on connection: WebSocketConnection) {
        var bytes: [UInt8] = []
        bytes.reserveCapacity(message.count)
        message.withUnsafeBufferPointer { bytes.append(contentsOf: $0) }
        messages.append((bytes, kind))
        onMessage?(bytes, kind, connection)
    }

    func didReceivePong(on connection: WebSocketConnection) { pongs += 1 }
    func didDrain(_ connection: WebSocketConnection) { drains += 1 }
    func didClose(_ connection: WebSocketConnection, reason: WebSocketCloseReason) { closes.append(reason) }
}

/// A server's delegate made of closures; by default every request is echoed and every upgrade is refused.
final class Site: ServerDelegate {
    var requests: [ServerRequest] = []
    var upgrades: [ServerRequest] = []
    var onRequest: (ServerRequest, HTTPResponder) -> Void = { request, responder in
        responder.respond(status: 200, headers: [("x-method", request.method)], body: request.body)
    }
    var onUpgrade: (ServerRequest) -> UpgradeDecision = { _ in .refuse(status: 404) }

    init() {}

    init(webSocket delegate: any WebSocketDelegate) {
        onUpgrade = { _ in .accept(delegate) }
    }

    func didReceive(_ request: ServerRequest, responder: HTTPResponder) {
        requests.append(request)
        onRequest(request, responder)
    }

    func didRequestUpgrade(_ request: ServerRequest) -> UpgradeDecision {
        upgrades.append(request)
        return onUpgrade(request)
    }
}

/// A plain TCP client that never blocks, for what no proper client would send.
final class RawSocket {
    let descriptor: Int32
    private(set) var received: [UInt8] = []
    /// The peer has ended the connection, one way or the other.
    private(set) var isEnded = false

    init(port: Int) throws {
        descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = UInt16(port).bigEndian
        address.sin_addr.s_addr = inet_addr("127.0.0.1")
        let result = withUnsafePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                connect(descriptor, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
            }
        }
        try #require(result == 0, "cannot connect to port \(port): errno \(errno)")
        _ = fcntl(descriptor, F_SETFL, O_NONBLOCK)
    }

    deinit { close(descriptor) }

    func send(_ text: String) { send(Array(text.utf8)) }

    /// What the socket's buffer does not take is lost: tests send little.
    @discardableResult
    func send(_ bytes: [UInt8]) -> Int { Glibc.send(descriptor, bytes, bytes.count, Int32(MSG_NOSIGNAL)) }

    func finishSending() { shutdown(descriptor, Int32(SHUT_WR)) }

    /// Closes with a reset instead of an orderly end.
    func resetOnClose() {
        var option = linger(l_onoff: 1, l_linger: 0)
        setsockopt(descriptor, SOL_SOCKET, SO_LINGER, &option, socklen_t(MemoryLayout<linger>.size))
    }

    func receive() {
        var buffer = [UInt8](repeating: 0, count: 65536)
        while true {
            let count = recv(descriptor, &buffer, buffer.count, 0)
            if count > 0 {
                received += buffer[..<count]
                continue
            }
            if count == 0 || (errno != EAGAIN && errno != EINTR) { isEnded = true }
            return
        }
    }

    var text: String {
        receive()
        return String(decoding: received, as: UTF8.self)
    }

    var hasEnded: Bool {
        receive()
        return isEnded
    }

    func clear() { received = [] }

    static func upgradeRequest(path: String = "/") -> String {
        "GET \(path) HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            + "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"
    }
}

/// A TCP port on loopback that accepts into its backlog and never answers.
final class SilentPort {
    let descriptor: Int32
    let port: Int

    init() throws {
        let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        self.descriptor = descriptor
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_addr.s_addr = inet_addr("127.0.0.1")
        var size = socklen_t(MemoryLayout<sockaddr_in>.size)
        let isBound = withUnsafeMutablePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { address in
                bind(descriptor, address, size) == 0 && getsockname(descriptor, address, &size) == 0
                    && listen(descriptor, 16) == 0
            }
        }
        port = Int(UInt16(bigEndian: address.sin_port))
        try #require(isBound)
    }

    deinit { close(descriptor) }
}

/// A port of loopback on which nobody listens.
func closedPort() throws -> Int {
    let port = try SilentPort()
    return port.port
}

func openDescriptors() -> Int {
    (try? FileManager.default.contentsOfDirectory(atPath: "/proc/self/fd").count) ?? -1
}

/// Resident memory of the process in bytes.
func residentBytes() -> Int {
    let fields = (try? String(contentsOfFile: "/proc/self/statm", encoding: .utf8))?.split(separator: " ") ?? []
    return fields.count > 1 ? (Int(fields[1]) ?? 0) * 4096 : 0
}

func pattern(_ count: Int) -> [UInt8] {
    (0..<count).map { UInt8(truncatingIfNeeded: $0 &* 31 &+ $0 >> 8) }
}
