import CZeroMQ

/// A received message of one or more frames, reused from one receive to the next.
///
/// It owns `maximumFrames` structures of `zmq_msg_t` and hands out libzmq's own buffers: receiving copies nothing and
/// allocates nothing here. Not `Sendable`; use it on the thread of its socket.
public struct Message: ~Copyable {
    /// Frames that fit. A message with more is dropped whole and counted in `overlongMessages`.
    public let maximumFrames: Int
    /// Frames of the last received message; 0 before the first and after a receive that brought none.
    public private(set) var frameCount = 0
    /// Messages dropped because they had more than `maximumFrames` frames.
    public private(set) var overlongMessages: UInt64 = 0

    // A short frame lives inside its zmq_msg_t, so spans of it need memory at a fixed address.
    private let frames: UnsafeMutablePointer<zmq_msg_t>

    /// - Parameter maximumFrames: at least 1; each costs 64 bytes.
    public init(maximumFrames: Int = 16) {
        precondition(maximumFrames >= 1, "a message has at least one frame")
        self.maximumFrames = maximumFrames
        // One more than fits, to drain excess frames.
        frames = .allocate(capacity: maximumFrames + 1)
        for index in 0...maximumFrames { zmq_msg_init(frames + index) }
    }

    deinit {
        for index in 0...maximumFrames { zmq_msg_close(frames + index) }
        frames.deallocate()
    }

    /// The bytes of a frame. - Precondition: `index < frameCount`.
    public func frameSize(_ index: Int) -> Int {
        bytes(index).count
    }

    /// Calls `body` with the bytes of a frame, which live in libzmq's memory until the next receive; nothing is copied.
    /// A `RawSpan` of the same memory is `span.bytes`. - Precondition: `index < frameCount`.
    @inlinable
    public func withFrame<R: ~Copyable, E: Error>(
        _ index: Int, _ body: (Span<UInt8>) throws(E) -> R
    ) throws(E) -> R {
        try body(bytes(index).span)
    }

    /// A copy of a frame. - Precondition: `index < frameCount`.
    public func frame(_ index: Int) -> [UInt8] {
        Array(bytes(index))
    }

    /// Copies a frame into `storage`, in place of what it held; allocates only where it is too small.
    /// - Precondition: `index < frameCount`.
    public func copyFrame(_ index: Int, into storage: inout [UInt8]) {
        storage.removeAll(keepingCapacity: true)
        storage.append(contentsOf: bytes(index))
    }

    /// A copy of a frame as text, with invalid UTF-8 repaired. - Precondition: `index < frameCount`.
    public func text(_ index: Int) -> String {
        String(decoding: bytes(index), as: UTF8.self)
    }

    @usableFromInline
    func bytes(_ index: Int) -> UnsafeBufferPointer<UInt8> {
        precondition(index >= 0 && index < frameCount, "frame \(index) of a message of \(frameCount)")
        let start = zmq_msg_data(frames + index)?.assumingMemoryBound(to: UInt8.self)
        return UnsafeBufferPointer(start: start, count: zmq_msg_size(frames + index))
    }

    /// Receives all frames of one message. libzmq delivers messages whole, so only the first frame can block.
    mutating func receive(from socket: UnsafeMutableRawPointer, flags: Int32) -> ReceiveResult {
        let former = frameCount
        frameCount = 0
        var received = 0
        repeat {
            let frame = frames + min(received, maximumFrames)
            let frameFlags = received == 0 ? flags : ZMQ_DONTWAIT
            if case .failure(let code) = retryingInterrupts({ zmq_msg_recv(frame, socket, frameFlags) }) {
                release(from: 0, to: max(former, min(received, maximumFrames + 1)))
                return .failure(code)
            }
            received += 1
        } while zmq_msg_more(frames + min(received - 1, maximumFrames)) == 1
        guard received <= maximumFrames else {
            overlongMessages += 1
            release(from: 0, to: maximumFrames + 1)
            return .overlong
        }
        frameCount = received
        release(from: received, to: former)
        return .received
    }

    /// Releases the memory of frames that the last message did not overwrite.
    private func release(from first: Int, to end: Int) {
        guard first < end else { return }
        for index in first..<end {
            zmq_msg_close(frames + index)
            zmq_msg_init(frames + index)
        }
    }
}

enum ReceiveResult {
    case received
    case overlong
    case failure(Int32)
}
