import Foundation
import Glibc
import Synchronization

/// A proxy of loopback that answers `CONNECT` with a tunnel, or with a refusal, and remembers what it was asked. Every
/// connection has a thread of its own, so that a test may turn its loop meanwhile.
final class TunnelProxy: Sendable {
    private struct State {
        var requests: [String] = []
        var credentials: [String?] = []
    }

    private let state = Mutex(State())
    private let descriptor: Int32
    let port: Int
    private let refusal: Int?

    /// The first line of each request.
    var requests: [String] { state.withLock { $0.requests } }
    /// `Proxy-Authorization` of each request.
    var credentials: [String?] { state.withLock { $0.credentials } }

    /// - Parameter refusal: the status with which every request is answered.
    init(refusing refusal: Int? = nil) throws {
        let silent = try SilentPort()
        // A second descriptor for the port, which outlives the first.
        descriptor = dup(silent.descriptor)
        port = silent.port
        self.refusal = refusal
        Thread { [self] in
            while case let peer = accept(descriptor, nil, nil), peer >= 0 {
                Thread { [self] in serve(peer) }.start()
            }
        }
        .start()
    }

    /// Ends the thread that accepts; its tunnels end with their connections.
    func stop() {
        shutdown(descriptor, Int32(SHUT_RDWR))
        close(descriptor)
    }

    private func serve(_ peer: Int32) {
        defer { close(peer) }
        var head = ""
        var byte: UInt8 = 0
        while !head.hasSuffix("\r\n\r\n") {
            guard recv(peer, &byte, 1, 0) == 1 else { return }
            head.unicodeScalars.append(Unicode.Scalar(byte))
        }
        let lines = head.split(separator: "\r\n")
        let credentials = lines.first { $0.lowercased().hasPrefix("proxy-authorization:") }?.dropFirst(20)
        state.withLock { state in
            state.requests.append(String(lines[0]))
            state.credentials.append(credentials?.trimmingCharacters(in: .whitespaces))
        }
        let words = lines[0].split(separator: " ")
        if let refusal {
            send(peer, "HTTP/1.1 \(refusal) No\r\nContent-Length: 0\r\n\r\n")
        } else if words[0] == "CONNECT", let port = words[1].split(separator: ":").last.flatMap({ Int($0) }),
            let far = try? RawSocket(port: port)
        {
            send(peer, "HTTP/1.1 200 Connection established\r\n\r\n")
            pass(between: peer, and: far.descriptor)
        } else {
            send(peer, "HTTP/1.1 200 OK\r\nX-Proxy: plain\r\nContent-Length: 0\r\n\r\n")
        }
    }

    private func send(_ peer: Int32, _ text: String) {
        _ = Glibc.send(peer, text, text.utf8.count, Int32(MSG_NOSIGNAL))
    }

    private func pass(between first: Int32, and second: Int32) {
        var buffer = [UInt8](repeating: 0, count: 65_536)
        while true {
            var entries = [first, second].map { pollfd(fd: $0, events: Int16(POLLIN), revents: 0) }
            guard poll(&entries, 2, -1) > 0 else { return }
            for (index, other) in [second, first].enumerated() where entries[index].revents != 0 {
                let count = recv(entries[index].fd, &buffer, buffer.count, 0)
                guard count > 0 else { return }
                var sent = 0
                while sent < count {
                    // One of the two does not block: wait until it takes more.
                    var writable = pollfd(fd: other, events: Int16(POLLOUT), revents: 0)
                    guard poll(&writable, 1, -1) > 0 else { return }
                    let taken = buffer[sent..<count].withUnsafeBytes {
                        Glibc.send(other, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL))
                    }
                    guard taken > 0 || errno == EAGAIN else { return }
                    sent += max(0, taken)
                }
            }
        }
    }
}
