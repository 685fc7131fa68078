import CZeroMQ

/// The outcome of an attempt to receive.
public enum ReceiveOutcome: Sendable, Hashable {
    case received
    /// No message is waiting.
    case wouldBlock
    /// A message had more frames than fit; it was dropped whole and counted in `Message.overlongMessages`.
    case overlong
    /// The context was shut down.
    case shutdown
}

extension Socket {
    /// Waits for the next message that fits into `message`; longer ones are dropped and counted there.
    /// Corresponds to `zmq_msg_recv`.
    /// - Returns: `false` when the context was shut down.
    /// - Throws: an error with `isTimeout` after `receiveTimeoutMilliseconds`; `EFSM` out of turn (`req`, `rep`).
    public func receive(into message: inout Message) throws(ZMQError) -> Bool {
        while true {
            switch try receive(into: &message, flags: 0) {
            case .received: return true
            case .overlong: continue
            case .shutdown: return false
            case .wouldBlock: throw ZMQError("zmq_msg_recv", code: EAGAIN, subject: "ZMQ_RCVTIMEO")
            }
        }
    }

    /// Takes the next message if there is one; never blocks. Corresponds to `zmq_msg_recv` with `ZMQ_DONTWAIT`.
    public func tryReceive(into message: inout Message) throws(ZMQError) -> ReceiveOutcome {
        try receive(into: &message, flags: ZMQ_DONTWAIT)
    }

    private func receive(into message: inout Message, flags: Int32) throws(ZMQError) -> ReceiveOutcome {
        switch message.receive(from: handle, flags: flags) {
        case .received: return .received
        case .overlong: return .overlong
        case .failure(EAGAIN): return .wouldBlock
        case .failure(ETERM): return .shutdown
        case .failure(let code): throw ZMQError("zmq_msg_recv", code: code)
        }
    }
}
