import Logging
import SwiftProtobuf
import Wire
import ZeroMQ

/// The consumer's end of one signal log's service: one request in flight at a time. Lives on one thread.
final class ReplayPeer {
    /// An unanswered request is repeated after this long.
    static let patienceNanoseconds: Int64 = 2_000_000_000
    /// A consumer without a gap polls this often: it finds signals that were logged but never published.
    static let intervalNanoseconds: Int64 = 250_000_000

    let address: String
    private let socket: Socket
    private var message = Message(maximumFrames: 1)
    private var requestID: UInt64 = 0
    private var asked: (since: UInt64, at: Int64)?
    private var lastAnswer: Int64?
    /// 0 until the first answer.
    private(set) var logID: UInt64 = 0
    /// The log's newest sequence, by its last answer.
    private(set) var lastSequence: UInt64 = 0

    init(_ address: String, in context: Context) throws(ZMQError) {
        var options = SocketOptions()
        options.maximumMessageBytes = EnvelopeCodec.byteLimit
        options.reconnectIntervalMilliseconds = 20
        options.maximumReconnectIntervalMilliseconds = 500
        options.lingerMilliseconds = 0
        // A request to an unreachable log is not queued: it is sent once the log is connected.
        options.immediate = true
        options.setHeartbeat()
        self.address = address
        socket = try Socket(.dealer, in: context, options: options)
        try socket.connect(address)
    }

    func register(in poller: inout Poller) throws(ZMQError) -> Poller.Slot { try poller.add(socket) }

    var isWaiting: Bool { asked != nil }

    /// Requests the signals after `position` when a request is due: at once if `isUrgent`.
    func ask(from position: UInt64, isUrgent: Bool, at now: Int64) throws(ZMQError) {
        if let asked, now - asked.at < Self.patienceNanoseconds { return }
        guard isUrgent || lastAnswer.map({ now - $0 >= Self.intervalNanoseconds }) ?? true else { return }
        requestID += 1
        var request = ProtoLogRequest()
        request.requestID = requestID
        request.replay.logID = logID
        request.replay.since = position
        let bytes: [UInt8] = (try? request.serializedBytes()) ?? []
        guard try socket.offer(bytes.span.bytes) == .sent else { return }
        asked = (position, now)
    }

    /// The answer to the request in flight, if received, and the position it asked from.
    func answer(at now: Int64) throws(ZMQError) -> (response: ProtoLogResponse, since: UInt64)? {
        while try socket.tryReceive(into: &message) == .received {
            guard let response = try? ProtoLogResponse(serializedBytes: message.frame(0)),
                response.requestID == requestID, let since = asked?.since
            else { continue }
            asked = nil
            lastAnswer = now
            if response.error.isEmpty {
                logID = response.logID
                lastSequence = response.lastSequence
            }
            return (response, since)
        }
        return nil
    }
}
