import Runtime
import Metrics
import SwiftProtobuf
import Wire
import ZeroMQ

/// The server's end of the signal log's service: requests in, responses out. Lives on one thread.
package struct ReplayService: ~Copyable {
    package struct Request {
        fileprivate let peer: [UInt8]
        package let message: ProtoLogRequest
    }

    /// Requests answered before other queues are checked again.
    package static let requestLimit = 64
    /// Answers queued for one consumer that does not read; further ones are dropped, and it asks again.
    package static let answerLimit = 4

    private let socket: Socket
    private var message = Message(maximumFrames: 2)
    private let dropped = Counter(label: MetricName.busDropped, dimensions: [("kind", "replay")])

    package init(_ endpoints: [Endpoint], in context: Context) throws {
        var options = SocketOptions()
        options.sendHighWaterMark = Self.answerLimit
        options.receiveHighWaterMark = Self.requestLimit
        options.maximumMessageBytes = EnvelopeCodec.byteLimit
        options.routerMandatory = true
        options.lingerMilliseconds = 0
        options.setHeartbeat()
        let socket = try Socket(.router, in: context, options: options)
        for endpoint in endpoints {
            guard case .plain(let address) = endpoint else {
                throw ConfigurationError(setting: "\(endpoint)", problem: "cannot be bound; use tcp:// or ipc://")
            }
            try socket.bind(address)
        }
        self.socket = socket
    }

    package var endpoint: String { get throws(ZMQError) { try socket.lastEndpoint } }

    package func register(in poller: inout Poller) throws(ZMQError) { _ = try poller.add(socket) }

    /// The next request already received. Invalid messages are counted and skipped.
    package mutating func next() throws(ZMQError) -> Request? {
        while true {
            switch try socket.tryReceive(into: &message) {
            case .wouldBlock, .shutdown: return nil
            case .overlong: Self.refuse()
            case .received:
                if message.frameCount == 2, let request = try? ProtoLogRequest(serializedBytes: message.frame(1)) {
                    return Request(peer: message.frame(0), message: request)
                }
                Self.refuse()
            }
        }
    }

    /// Never blocks: an answer is dropped and counted if its consumer's queue is full or the consumer has gone.
    package func answer(_ response: ProtoLogResponse, to request: Request) throws(ZMQError) {
        let body: [UInt8] = (try? response.serializedBytes()) ?? []
        if try socket.offer([request.peer, body]) != .sent { dropped.increment() }
    }

    private static func refuse() {
        Counter(label: MetricName.busRejected, dimensions: [("reason", "log_request")]).increment()
    }
}
