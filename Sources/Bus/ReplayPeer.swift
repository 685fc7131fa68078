import Logging
import SwiftProtobuf
import Wire
import ZeroMQ

/// The consumer's end of one signal log's service: one question under way at a time. Lives on one thread.
final class ReplayPeer {
    /// A question unanswered for this long is asked again.
    static let patienceNanoseconds: Int64 = 2_000_000_000
    /// A consumer that lacks nothing asks this often whether it does: what was logged and never published shows here.
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
        // A question to a log that is away is not queued: it is asked when the log is there.
        options.immediate = true
        options.setHeartbeat()
        self.address = address
        socket = try Socket(.dealer, in: context, options: options)
        try socket.connect(address)
    }

    func register(in poller: inout Poller) throws(ZMQError) -> Poller.Slot { try poller.add(socket) }

    var isWaiting: Bool { asked != nil }

    /// Asks for what follows `position` where it is time to: at once where `isUrgent`.
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

    /// The answer to the question under way, if it is here, and what it followed.
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
