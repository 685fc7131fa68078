import CZeroMQ

/// The outcome of offering a message.
public enum SendOutcome: Sendable, Hashable {
    /// libzmq accepted it. A `pub` also returns this without subscribers, or without `xpubNoDrop` and with a slow one.
    case sent
    /// No peer can take it now; nothing was sent. Count it.
    case backPressured
    /// No such peer; nothing was sent. Only a `router` with `routerMandatory` returns this.
    case unreachable
    /// The context was shut down.
    case shutdown
}

/// Every form copies the bytes into libzmq's own memory; sends of one and two frames allocate nothing else. Memory for
/// all frames is allocated before the first is sent, so no failure can leave half a message behind.
extension Socket {
    /// Sends one frame or returns why not; never blocks. Corresponds to `zmq_msg_send` with `ZMQ_DONTWAIT`.
    public func offer(_ bytes: RawSpan) throws(ZMQError) -> SendOutcome {
        try send(bytes, flags: ZMQ_DONTWAIT)
    }

    /// Sends two frames, both or neither; never blocks.
    public func offer(topic: RawSpan, body: RawSpan) throws(ZMQError) -> SendOutcome {
        try send(topic, body, flags: ZMQ_DONTWAIT)
    }

    /// Sends any number of frames, all or none; never blocks. - Throws: `EINVAL` for no frames.
    public func offer(_ frames: [[UInt8]]) throws(ZMQError) -> SendOutcome {
        try send(frames, flags: ZMQ_DONTWAIT)
    }

    /// Sends one frame, waiting while peers are slow or absent.
    /// - Returns: `false` when the context was shut down.
    /// - Throws: an error with `isTimeout` after `sendTimeoutMilliseconds`; `EHOSTUNREACH` with `routerMandatory`.
    public func send(_ bytes: RawSpan) throws(ZMQError) -> Bool {
        try accepted(send(bytes, flags: 0))
    }

    /// Sends two frames, waiting like `send(_:)`.
    public func send(topic: RawSpan, body: RawSpan) throws(ZMQError) -> Bool {
        try accepted(send(topic, body, flags: 0))
    }

    /// Sends any number of frames, waiting like `send(_:)`. - Throws: `EINVAL` for no frames.
    public func send(_ frames: [[UInt8]]) throws(ZMQError) -> Bool {
        try accepted(send(frames, flags: 0))
    }

    private func accepted(_ outcome: SendOutcome) throws(ZMQError) -> Bool {
        switch outcome {
        case .sent: return true
        case .shutdown: return false
        case .backPressured: throw ZMQError("zmq_msg_send", code: EAGAIN, subject: "ZMQ_SNDTIMEO")
        case .unreachable: throw ZMQError("zmq_msg_send", code: EHOSTUNREACH)
        }
    }

    private func send(_ bytes: RawSpan, flags: Int32) throws(ZMQError) -> SendOutcome {
        var frame = zmq_msg_t()
        try fill(&frame, bytes)
        return try passFirst(&frame, flags)
    }

    private func send(_ topic: RawSpan, _ body: RawSpan, flags: Int32) throws(ZMQError) -> SendOutcome {
        var first = zmq_msg_t()
        var second = zmq_msg_t()
        try fill(&first, topic)
        do throws(ZMQError) {
            try fill(&second, body)
        } catch {
            zmq_msg_close(&first)
            throw error
        }
        defer { zmq_msg_close(&second) }
        let outcome = try passFirst(&first, flags | ZMQ_SNDMORE)
        return outcome == .sent ? try pass(&second, flags) : outcome
    }

    private func send(_ frames: [[UInt8]], flags: Int32) throws(ZMQError) -> SendOutcome {
        guard !frames.isEmpty else { throw ZMQError("zmq_msg_send", code: EINVAL, subject: "a message without frames") }
        let messages = UnsafeMutableBufferPointer<zmq_msg_t>.allocate(capacity: frames.count)
        messages.initialize(repeating: zmq_msg_t())
        // Closing a sent message is harmless: sending leaves an empty one behind.
        for index in messages.indices { zmq_msg_init(&messages[index]) }
        defer {
            for index in messages.indices { zmq_msg_close(&messages[index]) }
            messages.deallocate()
        }
        for index in frames.indices {
            let frame = frames[index]
            try fill(&messages[index], frame.span.bytes)
        }
        for index in messages.indices {
            let frameFlags = index == messages.count - 1 ? flags : flags | ZMQ_SNDMORE
            let outcome = index == 0 ? try passFirst(&messages[0], frameFlags) : try pass(&messages[index], frameFlags)
            if outcome != .sent { return outcome }
        }
        return .sent
    }

    /// Makes `frame` hold a copy of `bytes`. - Throws: `ENOMEM`.
    private func fill(_ frame: inout zmq_msg_t, _ bytes: RawSpan) throws(ZMQError) {
        let count = bytes.byteCount
        try check("zmq_msg_init_size", "\(count) bytes") { zmq_msg_init_size(&frame, count) }
        bytes.withUnsafeBytes { source in
            if let start = source.baseAddress, count > 0 {
                zmq_msg_data(&frame).copyMemory(from: start, byteCount: count)
            }
        }
    }

    /// Sends the first frame of a message and closes it.
    ///
    /// A sender that never waits learns only about once a millisecond that its peers made room (libzmq throttles its
    /// command queue). So a refusal counts only after that queue was processed, which querying `ZMQ_EVENTS` does.
    private func passFirst(_ frame: inout zmq_msg_t, _ flags: Int32) throws(ZMQError) -> SendOutcome {
        defer { zmq_msg_close(&frame) }
        let outcome = try pass(&frame, flags)
        guard outcome == .backPressured, flags & ZMQ_DONTWAIT != 0 else { return outcome }
        var events: Int32 = 0
        var size = MemoryLayout<Int32>.size
        if case .failure(ETERM) = retryingInterrupts({ zmq_getsockopt(handle, ZMQ_EVENTS, &events, &size) }) {
            return .shutdown
        }
        return try pass(&frame, flags)
    }

    /// Passes one frame to libzmq, which leaves an empty frame behind if it accepts; the caller closes it either way.
    ///
    /// Once the first frame is accepted, the rest cannot hit a high-water mark, which counts whole messages. If the
    /// peer vanishes in between, libzmq rolls the message back (`EAGAIN`) or drops its rest; either way the next frame
    /// begins a new message.
    private func pass(_ frame: inout zmq_msg_t, _ flags: Int32) throws(ZMQError) -> SendOutcome {
        guard case .failure(let code) = retryingInterrupts({ zmq_msg_send(&frame, handle, flags) }) else {
            return .sent
        }
        switch code {
        case EAGAIN: return .backPressured
        case EHOSTUNREACH: return .unreachable
        case ETERM: return .shutdown
        default: throw ZMQError("zmq_msg_send", code: code)
        }
    }
}
