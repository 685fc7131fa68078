import CZeroMQ
import Foundation

/// Keys with which a context's sockets authenticate themselves and their peers. A bound socket is a CURVE server with
/// `keys`; a connected socket is a client with `keys` that accepts only `serverPublicKey`; `inproc` needs neither.
public struct CurveSecurity: Sendable, Equatable {
    public let keys: CurveKeys
    /// Public key of the servers connected to.
    public let serverPublicKey: String
    /// Public keys of the clients that bound sockets admit; `nil` admits any client that knows their public key.
    public let allowedClients: Set<String>?

    /// - Parameter serverPublicKey: defaults to the public key of `keys`, for processes that share one key pair.
    /// - Throws: `EINVAL` unless every key is 40 characters of Z85.
    public init(
        keys: CurveKeys, serverPublicKey: String? = nil, allowedClients: Set<String>? = nil
    ) throws(ZMQError) {
        self.keys = keys
        self.serverPublicKey = serverPublicKey ?? keys.publicKey
        self.allowedClients = allowedClients
        _ = try CurveKeys.binary(self.serverPublicKey, "the server's public key")
        for client in allowedClients ?? [] { _ = try CurveKeys.binary(client, "a client's public key") }
    }

    func role(ofBound isBound: Bool) -> CurveRole {
        isBound ? .server(keys) : .client(keys, serverPublicKey: serverPublicKey)
    }
}

/// Decides which clients the context's bound sockets admit: the handler of the ZeroMQ Authentication Protocol, on its
/// own thread. Source: https://rfc.zeromq.org/spec/27/
///
/// libzmq queries it at `inproc://zeromq.zap.01` during each handshake. It uses the context's handle without keeping
/// the context alive; it ends with the context's shutdown, which `Context.deinit` begins with.
enum CurveGate {
    private static let endpoint = "inproc://zeromq.zap.01"
    /// Version, request, domain, address, identity, mechanism, and the client's key.
    private static let frameCount = 7

    /// - Parameter allowed: public keys in Z85.
    static func open(in context: UnsafeMutableRawPointer, admitting allowed: Set<String>) throws(ZMQError) {
        var known: Set<[UInt8]> = []
        for key in allowed { known.insert(try CurveKeys.binary(key, "a client's public key")) }
        guard let handle = zmq_socket(context, ZMQ_REP) else { throw ZMQError("zmq_socket", code: zmq_errno()) }
        // Bound before any other socket of the context can query it.
        guard zmq_bind(handle, endpoint) == 0 else {
            let code = zmq_errno()
            zmq_close(handle)
            throw ZMQError("zmq_bind", code: code, subject: endpoint)
        }
        // The socket moves into its thread before its first message and is never touched from here again.
        nonisolated(unsafe) let socket = handle
        let admitted = known
        let thread = Thread {
            serve(socket, admitted)
            zmq_close(socket)
        }
        thread.name = "zap"
        thread.start()
    }

    private static func serve(_ socket: UnsafeMutableRawPointer, _ admitted: Set<[UInt8]>) {
        var message = Message(maximumFrames: frameCount)
        while true {
            switch message.receive(from: socket, flags: 0) {
            case .failure(EINTR): continue
            case .failure: return
            case .overlong: guard answer(socket, [], false) else { return }
            case .received:
                let isKnown =
                    message.frameCount == frameCount && message.frame(5) == Array("CURVE".utf8)
                    && admitted.contains(message.frame(6))
                let request = message.frameCount > 1 ? message.frame(1) : []
                guard answer(socket, request, isKnown) else { return }
            }
        }
    }

    /// Version, request, status, text, user, metadata.
    private static func answer(_ socket: UnsafeMutableRawPointer, _ request: [UInt8], _ isAdmitted: Bool) -> Bool {
        let (status, text) = isAdmitted ? ("200", "OK") : ("400", "unknown key")
        let frames = [Array("1.0".utf8), request, Array(status.utf8), Array(text.utf8), [], []]
        for (index, frame) in frames.enumerated() {
            let flags = index + 1 < frames.count ? ZMQ_SNDMORE : 0
            let result = retryingInterrupts {
                frame.withUnsafeBytes { zmq_send(socket, $0.baseAddress, $0.count, flags) }
            }
            guard case .success = result else { return false }
        }
        return true
    }
}
