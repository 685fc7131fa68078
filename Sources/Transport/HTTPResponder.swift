/// The one answer to one request: given at once or later, from the loop's thread. When the last reference goes without
/// an answer, the client gets a 500.
public final class HTTPResponder {
    private let exchange: HTTPExchange

    init(_ exchange: HTTPExchange) { self.exchange = exchange }

    deinit { exchange.abandon() }

    /// False once an answer has begun, or the client has gone. (A client that goes away is noticed within a quarter of
    /// a second.)
    public var isOpen: Bool { exchange.phase == .waiting }

    /// Answers completely. No effect when an answer has begun already or the client has gone. `content-length` and
    /// `connection` are the server's own; a header with a control character is left out.
    public func respond(status: Int, headers: [(name: String, value: String)] = [], body: [UInt8] = []) {
        exchange.begin(status: status, headers: headers, body: body, contentLength: nil)
    }

    public func respond(status: Int, headers: [(name: String, value: String)] = [], text: String) {
        respond(status: status, headers: headers, body: Array(text.utf8))
    }

    /// Sends the head of an answer whose body follows in pieces, as slowly as the caller likes. When the responder goes
    /// before `contentLength` bytes were written, the connection is dropped.
    public func begin(status: Int, headers: [(name: String, value: String)] = [], contentLength: Int) {
        exchange.begin(status: status, headers: headers, body: [], contentLength: max(0, contentLength))
    }

    /// A further piece of the body; what exceeds the announced length is ignored.
    public func write(_ bytes: [UInt8]) { exchange.write(bytes) }

    /// Cuts the TCP connection, wherever the answer is.
    public func drop() { exchange.drop() }
}
