import Runtime
import Logging
import SwiftProtobuf
import Wire
import ZeroMQ

/// The log did not confirm the signals: they may or may not be stored, so send them again.
package struct AppendError: Error, CustomStringConvertible {
    package let description: String
}

/// Appends this program's signals to a detector's log. Of several logs it uses any reachable one. One thread.
package struct LogAppender: ~Copyable {
    private let socket: Socket
    private let directory: EndpointDirectory
    private var connected: Set<String>
    private var version: Int
    private var poller: Poller
    private var message = Message(maximumFrames: 1)
    private var requestID: UInt64 = 0

    package init(_ endpoints: [Endpoint], in context: Context, logger: Logger) throws {
        var options = SocketOptions()
        options.maximumMessageBytes = EnvelopeCodec.byteLimit
        options.reconnectIntervalMilliseconds = 20
        options.maximumReconnectIntervalMilliseconds = 500
        options.lingerMilliseconds = 0
        // Send only to a connected log.
        options.immediate = true
        options.setHeartbeat()
        let socket = try Socket(.dealer, in: context, options: options)
        let directory = EndpointDirectory(endpoints, logger: logger)
        var (connected, version) = (Set<String>(), -1)
        try directory.update(socket, connected: &connected, seen: &version)
        var poller = Poller(capacity: 1)
        _ = try poller.add(socket)
        self.socket = socket
        self.directory = directory
        self.connected = connected
        self.version = version
        self.poller = poller
    }

    /// Returns once all of `signals` are on the log's disk. Throws `AppendError` where that is not certain.
    package mutating func append(_ signals: [ProtoSignal], timeoutMilliseconds: Int) throws {
        try directory.update(socket, connected: &connected, seen: &version)
        requestID += 1
        var request = ProtoLogRequest()
        request.requestID = requestID
        request.append.signals = signals
        let bytes: [UInt8] = try request.serializedBytes()
        guard try socket.offer(bytes.span.bytes) == .sent else { throw AppendError(description: "no log is there") }
        let end = HostClock.monotonicNanoseconds + Int64(timeoutMilliseconds) * 1_000_000
        while true {
            let rest = Int((end - HostClock.monotonicNanoseconds) / 1_000_000)
            guard rest > 0, case .ready = try poller.wait(timeoutMilliseconds: rest) else {
                throw AppendError(description: "the log does not answer")
            }
            while try socket.tryReceive(into: &message) == .received {
                guard let response = try? ProtoLogResponse(serializedBytes: message.frame(0)),
                    response.requestID == requestID
                else { continue }
                guard response.error.isEmpty, response.appended == signals.count else {
                    throw AppendError(description: response.error)
                }
                return
            }
        }
    }
}
