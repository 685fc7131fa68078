import CZeroMQ
import Glibc

/// A failed libzmq call: what was attempted, on what, and why it failed.
///
/// Expected outcomes of a running system (back-pressure, shutdown) are return values, not errors.
public struct ZMQError: Error, Sendable, Equatable, CustomStringConvertible {
    /// The C function (or the method of this module) that failed, such as `zmq_bind`.
    public let call: String
    /// The value of `errno`: POSIX, or one of libzmq's own such as `ETERM`.
    public let code: Int32
    /// What libzmq says about `code` (`zmq_strerror`).
    public let message: String
    /// The endpoint or option concerned, if any.
    public let subject: String?

    init(_ call: StaticString, code: Int32, subject: String? = nil) {
        self.call = call.description
        self.code = code
        self.message = String(cString: zmq_strerror(code))
        self.subject = subject
    }

    /// The context was shut down (`ETERM`).
    public var isShutdown: Bool { code == ETERM }
    /// A blocking call with a time-out option ran out of time (`EAGAIN`).
    public var isTimeout: Bool { code == EAGAIN }
    /// The endpoint is already bound (`EADDRINUSE`).
    public var isAddressInUse: Bool { code == EADDRINUSE }

    public var description: String {
        "\(call)\(subject.map { "(\($0))" } ?? "") failed: \(message) (errno \(code))"
    }
}

/// The version of the libzmq in use, such as "4.3.4" (`zmq_version`).
public enum ZeroMQVersion {
    public static var string: String {
        var (major, minor, patch): (Int32, Int32, Int32) = (0, 0, 0)
        zmq_version(&major, &minor, &patch)
        return "\(major).\(minor).\(patch)"
    }
}

/// Calls `body`, repeating it if a signal interrupts; returns 0 (or a count) or the `errno` of the failure.
@inline(__always)
func retryingInterrupts(_ body: () -> Int32) -> CallResult {
    while true {
        let result = body()
        if result >= 0 { return .success(result) }
        let code = zmq_errno()
        if code != EINTR { return .failure(code) }
    }
}

enum CallResult {
    case success(Int32)
    case failure(Int32)
}

/// `retryingInterrupts` for calls without expected failures.
@inline(__always)
func check(_ call: StaticString, _ subject: @autoclosure () -> String? = nil, _ body: () -> Int32) throws(ZMQError) {
    if case .failure(let code) = retryingInterrupts(body) { throw ZMQError(call, code: code, subject: subject()) }
}
