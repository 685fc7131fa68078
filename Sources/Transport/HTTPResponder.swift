/// The one answer to one request, given at once or later, on the loop's thread. If the last reference is released
/// without an answer, the client gets a 500.
public final class HTTPResponder {
    private let exchange: HTTPExchange

    init(_ exchange: HTTPExchange) { self.exchange = exchange }

    deinit { exchange.abandon() }

    /// False once an answer has begun or the client has gone. (A lost client is noticed within a quarter of a second.)
    public var isOpen: Bool { exchange.phase == .waiting }

    /// Sends a complete answer. No effect if an answer has begun or the client has gone. The server sets
    /// `content-length` and `connection`; a header with a control character is left out.
    public func respond(status: Int, headers: [(name: String, value: String)] = [], body: [UInt8] = []) {
        exchange.begin(status: status, headers: headers, body: body, contentLength: nil)
    }

    public func respond(status: Int, headers: [(name: String, value: String)] = [], text: String) {
        respond(status: status, headers: headers, body: Array(text.utf8))
    }

    /// Sends the head of an answer whose body follows in pieces, at any pace. If the responder is released before
    /// `contentLength` bytes were written, the connection is dropped.
    public func begin(status: Int, headers: [(name: String, value: String)] = [], contentLength: Int) {
        exchange.begin(status: status, headers: headers, body: [], contentLength: max(0, contentLength))
    }

    /// Writes a further piece of the body; bytes beyond the announced length are ignored.
    public func write(_ bytes: [UInt8]) { exchange.write(bytes) }

    /// Drops the TCP connection, at any stage of the answer.
    public func drop() { exchange.drop() }
}
