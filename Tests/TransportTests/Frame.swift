import Glibc

@testable import Transport

/// WebSocket frames written by hand (RFC 6455, 5.2).
enum Frame {
    enum Opcode: UInt8 { case continuation = 0, text = 1, binary = 2, close = 8, ping = 9, pong = 10, reserved = 11 }

    static func encode(_ opcode: Opcode, _ payload: [UInt8], isFinal: Bool = true, isMasked: Bool = true) -> [UInt8] {
        var bytes = [opcode.rawValue | (isFinal ? 0x80 : 0)]
        let mark: UInt8 = isMasked ? 0x80 : 0
        switch payload.count {
        case ..<126: bytes.append(mark | UInt8(payload.count))
        case ..<65_536: bytes += [mark | 126, UInt8(payload.count >> 8), UInt8(payload.count & 255)]
        default: bytes += [mark | 127] + (0..<8).reversed().map { UInt8(payload.count >> ($0 * 8) & 255) }
        }
        guard isMasked else { return bytes + payload }
        let mask: [UInt8] = [0x12, 0x34, 0x56, 0x78]
        return bytes + mask + payload.enumerated().map { $1 ^ mask[$0 & 3] }
    }

    static func encode(_ opcode: Opcode, _ payload: String, isFinal: Bool = true) -> [UInt8] {
        encode(opcode, Array(payload.utf8), isFinal: isFinal)
    }
}

/// The far end of one client's connection, moved by hand: it answers the handshake and nothing else.
final class HandMadeServer {
    let descriptor: Int32

    /// Accepts the connection that a client of `loop` is making, and upgrades it or sends the given answer.
    init?(_ port: SilentPort, _ loop: EventLoop, answer: [UInt8]? = nil) {
        _ = fcntl(port.descriptor, F_SETFL, O_NONBLOCK)
        var found: Int32 = -1
        guard
            run(
                loop,
                until: {
                    found = accept(port.descriptor, nil, nil)
                    return found >= 0
                })
        else { return nil }
        descriptor = found
        _ = fcntl(found, F_SETFL, O_NONBLOCK)
        var request: [UInt8] = []
        let isComplete = run(
            loop,
            until: {
                var buffer = [UInt8](repeating: 0, count: 4096)
                let count = recv(found, &buffer, buffer.count, 0)
                if count > 0 { request += buffer[..<count] }
                return String(decoding: request, as: UTF8.self).contains("\r\n\r\n")
            })
        guard isComplete else { return nil }
        if let answer {
            send(answer)
            return
        }
        let lines = String(decoding: request, as: UTF8.self).split(separator: "\r\n")
        guard let line = lines.first(where: { $0.lowercased().hasPrefix("sec-websocket-key:") }) else { return nil }
        let key = line.split(separator: " ").last.map(String.init) ?? ""
        send(
            Array(
                ("HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                    + "Sec-WebSocket-Accept: \(acceptKey(for: key))\r\n\r\n").utf8))
    }

    deinit { close(descriptor) }

    func send(_ bytes: [UInt8]) { _ = Glibc.send(descriptor, bytes, bytes.count, Int32(MSG_NOSIGNAL)) }
}
