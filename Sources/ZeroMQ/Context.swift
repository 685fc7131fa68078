import CZeroMQ
import Synchronization

/// A libzmq context: its I/O threads and its `inproc` name space. Usually one per process.
///
/// It is the only object of this module that threads share. Every socket retains its context, so `deinit`
/// (`zmq_ctx_term`) runs when the last socket is gone; it waits for unsent messages up to each socket's linger.
public final class Context: Sendable {
    // libzmq documents a context as thread safe.
    nonisolated(unsafe) let handle: UnsafeMutableRawPointer
    /// Numbers the `inproc` endpoints of monitors, which must differ within a context.
    let monitorCount = Atomic<UInt64>(0)
    /// For all sockets whose options set no `curve`.
    let security: CurveSecurity?

    /// - Parameters:
    ///   - ioThreads: threads that serve the network; each carries about a gigabyte a second.
    ///   - maximumSockets: `Socket.init` fails with `EMFILE` beyond it.
    ///   - security: encrypts and authenticates its sockets' network traffic; `nil` is plain text.
    /// Corresponds to `zmq_ctx_new` and `zmq_ctx_set`.
    public init(
        ioThreads: Int = 1, maximumSockets: Int = 1023, security: CurveSecurity? = nil
    ) throws(ZMQError) {
        guard let handle = zmq_ctx_new() else { throw ZMQError("zmq_ctx_new", code: zmq_errno()) }
        self.handle = handle
        self.security = security
        try Context.set(handle, ZMQ_IO_THREADS, "ZMQ_IO_THREADS", ioThreads, in: 1...64)
        try Context.set(handle, ZMQ_MAX_SOCKETS, "ZMQ_MAX_SOCKETS", maximumSockets, in: 1...65_535)
        if let clients = security?.allowedClients { try CurveGate.open(in: handle, admitting: clients) }
    }

    deinit {
        // Only the gate's socket is left; this ends its thread.
        if security?.allowedClients != nil { shutdown() }
        _ = retryingInterrupts { zmq_ctx_term(handle) }
    }

    /// Wakes every blocked call on every socket of this context; later calls fail: `receive` and `send` return `false`,
    /// polling returns `.shutdown`. Any thread may call it, more than once. Messages already accepted are still
    /// delivered within each socket's linger. Corresponds to `zmq_ctx_shutdown`.
    public func shutdown() {
        // It fails only for an invalid handle, which `init` excludes.
        _ = retryingInterrupts { zmq_ctx_shutdown(handle) }
    }

    private static func set(
        _ handle: UnsafeMutableRawPointer, _ option: Int32, _ name: String, _ value: Int, in range: ClosedRange<Int>
    ) throws(ZMQError) {
        guard range.contains(value) else { throw ZMQError("zmq_ctx_set", code: EINVAL, subject: "\(name)=\(value)") }
        try check("zmq_ctx_set", "\(name)=\(value)") { zmq_ctx_set(handle, option, Int32(value)) }
    }
}
