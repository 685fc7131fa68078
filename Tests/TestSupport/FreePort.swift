import Foundation
import Synchronization

/// A port that is free, and stays so until its server has it: it lies below the range from which the system gives outgoing
/// connections their ports, where a client that keeps trying to reach a server not yet up may be given that server's own.
package func freePort() -> Int {
    while true {
        let port = nextPort.withLock { next in
            next = next < 31_999 ? next + 1 : 20_000
            return next
        }
        if isFree(port: port) { return port }
    }
}

/// Two test processes at once, even of neighbouring process ids, start far from each other: a step of the golden section.
private let nextPort = Mutex(20_000 + Int(getpid()) * 7_417 % 12_000)

private func isFree(port: Int) -> Bool {
    let socket = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
    defer { close(socket) }
    var address = sockaddr_in()
    address.sin_family = sa_family_t(AF_INET)
    address.sin_port = UInt16(port).bigEndian
    return withUnsafePointer(to: &address) { pointer in
        pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
            bind(socket, $0, socklen_t(MemoryLayout<sockaddr_in>.size)) == 0
        }
    }
}
