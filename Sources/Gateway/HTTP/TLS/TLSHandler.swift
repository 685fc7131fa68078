import Runtime
import Logging
import Metrics
import NIOCore

/// Speaks TLS with the client; the handlers behind it see plain bytes. Lives on the connection's event loop.
///
/// A TLS error is counted, logged at debug level, reported to the client if TLS has an alert for it, and closes the
/// connection. Back-pressure passes through: the handler buffers only an incomplete record.
final class TLSHandler: ChannelDuplexHandler {
    typealias InboundIn = ByteBuffer
    typealias InboundOut = ByteBuffer
    typealias OutboundIn = ByteBuffer
    typealias OutboundOut = ByteBuffer

    private enum Phase {
        case handshake, open
        /// The client was told that the server sends nothing more.
        case ended
        case closed
    }

    /// Bytes passed to OpenSSL at a time: a record holds no more, and OpenSSL's buffers, which never shrink, stay
    /// small.
    private static let chunkBytes = 16 << 10

    private let session: TLSSession
    private let handshakeLimit: TimeAmount
    private let failures: TLSFailures
    private var phase = Phase.handshake
    private var handshakeEnd: Scheduled<Void>?
    /// Whether the client has ended its side.
    private var isInputClosed = false
    /// Whether bytes were passed on since the last read.
    private var hasDelivered = false

    /// - Parameter handshakeLimit: a connection whose handshake takes longer is closed.
    init(_ context: TLSContext, handshakeLimit: TimeAmount, failures: TLSFailures) throws(OpenSSLError) {
        session = try TLSSession(context)
        self.handshakeLimit = handshakeLimit
        self.failures = failures
    }

    func handlerAdded(context: ChannelHandlerContext) {
        let bound = NIOLoopBound((self, context), eventLoop: context.eventLoop)
        handshakeEnd = context.eventLoop.scheduleTask(in: handshakeLimit) {
            let (handler, context) = bound.value
            if handler.phase == .handshake { handler.fail(.timeout, "no handshake in time", context) }
        }
    }

    func handlerRemoved(context: ChannelHandlerContext) { handshakeEnd?.cancel() }

    // MARK: From the client

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        var ciphertext = unwrapInboundIn(data)
        var plain = context.channel.allocator.buffer(capacity: phase == .handshake ? 0 : ciphertext.readableBytes)
        var reading = TLSSession.Reading.needsInput
        while phase != .closed, !isInputClosed, case .needsInput = reading,
            let chunk = ciphertext.readSlice(length: min(Self.chunkBytes, ciphertext.readableBytes)),
            chunk.readableBytes > 0
        {
            chunk.withUnsafeReadableBytes { session.receive($0) }
            if phase == .handshake { goOn(context) }
            guard phase != .handshake, phase != .closed else { continue }
            repeat { reading = decrypt(into: &plain) } while reading.isBytes
        }
        // Send the answers to the client's TLS messages.
        sendPending(context)
        if plain.readableBytes > 0 {
            hasDelivered = true
            context.fireChannelRead(wrapInboundOut(plain))
        }
        switch reading {
        case .bytes, .needsInput: break
        case .ended: endInput(context)
        case .failed(let error): fail(.record, "\(error)", context)
        }
    }

    private func goOn(_ context: ChannelHandlerContext) {
        switch session.accept() {
        case .needsInput: break
        case .failed(let error): fail(.handshake, "\(error)", context)
        case .done:
            phase = .open
            handshakeEnd?.cancel()
        }
    }

    private func decrypt(into plain: inout ByteBuffer) -> TLSSession.Reading {
        var reading = TLSSession.Reading.needsInput
        plain.writeWithUnsafeMutableBytes(minimumWritableBytes: 256) { free in
            reading = session.read(into: free)
            if case .bytes(let count) = reading { return count }
            return 0
        }
        return reading
    }

    func channelReadComplete(context: ChannelHandlerContext) {
        context.fireChannelReadComplete()
        // The handler that asked for a read has received nothing yet, so read again.
        if !hasDelivered, phase != .closed { context.read() }
        hasDelivered = false
    }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        guard case .inputClosed? = event as? ChannelEvent else { return context.fireUserInboundEventTriggered(event) }
        if phase == .handshake { fail(.closed, "the client went during the handshake", context) }
        endInput(context)
    }

    /// Fires the same event whether the client closed TLS or only TCP: HTTP itself tells whether a request is complete.
    private func endInput(_ context: ChannelHandlerContext) {
        guard !isInputClosed else { return }
        isInputClosed = true
        context.fireUserInboundEventTriggered(ChannelEvent.inputClosed)
    }

    func channelInactive(context: ChannelHandlerContext) {
        if phase == .handshake { failures.count(.closed, "the client went during the handshake") }
        phase = .closed
        handshakeEnd?.cancel()
        context.fireChannelInactive()
    }

    // MARK: To the client

    func write(context: ChannelHandlerContext, data: NIOAny, promise: EventLoopPromise<Void>?) {
        // The HTTP server never sends first, so no write needs to wait for the handshake.
        guard phase == .open else {
            promise?.fail(ChannelError.ioOnClosedChannel)
            return
        }
        var plain = unwrapOutboundIn(data)
        var ciphertext = context.channel.allocator.buffer(capacity: plain.readableBytes + 64)
        do {
            while let chunk = plain.readSlice(length: min(Self.chunkBytes, plain.readableBytes)),
                chunk.readableBytes > 0
            {
                try chunk.withUnsafeReadableBytes { try session.write($0) }
                takePending(into: &ciphertext)
            }
        } catch {
            promise?.fail(error)
            return fail(.record, "\(error)", context)
        }
        context.write(wrapOutboundOut(ciphertext), promise: promise)
    }

    func close(context: ChannelHandlerContext, mode: CloseMode, promise: EventLoopPromise<Void>?) {
        if mode != .input, phase == .open {
            phase = .ended
            session.end()
            sendPending(context)
        }
        if mode == .all {
            phase = .closed
            handshakeEnd?.cancel()
        }
        context.close(mode: mode, promise: promise)
    }

    private func takePending(into buffer: inout ByteBuffer) {
        let count = session.pendingCount
        guard count > 0 else { return }
        buffer.writeWithUnsafeMutableBytes(minimumWritableBytes: count) { session.takePending(into: $0) }
    }

    private func sendPending(_ context: ChannelHandlerContext) {
        guard session.pendingCount > 0 else { return }
        var buffer = context.channel.allocator.buffer(capacity: session.pendingCount)
        takePending(into: &buffer)
        context.writeAndFlush(wrapOutboundOut(buffer), promise: nil)
    }

    private func fail(_ kind: TLSFailures.Kind, _ reason: String, _ context: ChannelHandlerContext) {
        guard phase != .closed else { return }
        phase = .closed
        handshakeEnd?.cancel()
        failures.count(kind, reason)
        // Send the TLS alert.
        sendPending(context)
        context.close(promise: nil)
    }
}

extension TLSSession.Reading {
    fileprivate var isBytes: Bool { if case .bytes = self { true } else { false } }
}

/// Counts and logs the connections that TLS closed.
struct TLSFailures: Sendable {
    enum Kind: String, CaseIterable {
        /// Client and server cannot agree, or the client does not speak TLS.
        case handshake
        /// The handshake took too long.
        case timeout
        /// The client left during the handshake, like a port probe.
        case closed
        /// A message that cannot be decrypted, after the handshake.
        case record
    }

    private let counters: [Kind: Counter]
    private let logger: Logger

    init(_ logger: Logger) {
        self.logger = logger
        counters = Dictionary(
            uniqueKeysWithValues: Kind.allCases.map {
                ($0, Counter(label: MetricName.tlsFailures, dimensions: [("reason", $0.rawValue)]))
            })
    }

    func count(_ kind: Kind, _ reason: String) {
        counters[kind]?.increment()
        logger.debug("TLS connection closed", metadata: ["kind": "\(kind.rawValue)", "reason": "\(reason)"])
    }
}
