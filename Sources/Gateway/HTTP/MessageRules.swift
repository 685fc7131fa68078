import HTTPTypes
import Hummingbird
import NIOCore
import NIOHTTP1
import Runtime

/// Rules of HTTP/1 that the full server leaves open. Lives on the connection's event loop, between the parser and the
/// server. Sources: RFC 9110, section 9.3.2; RFC 9112, sections 3, 6 and 9.
///
/// - An answer to HEAD has the headers of the answer to GET, and no body: a body would be read as the next answer.
/// - An HTTP/1.0 client gets no chunks, and its connection ends with the answer unless it asked to keep it.
/// - A request whose Host is missing, doubled or malformed reaches the server without one, which refuses it.
/// - A client that asks before it sends a body is told to go on; a refusal may follow at once.
/// - What the parser refuses is answered with a problem document, and the connection is closed.
final class MessageRules: ChannelDuplexHandler, RemovableChannelHandler {
    typealias InboundIn = HTTPServerRequestPart
    typealias InboundOut = HTTPServerRequestPart
    typealias OutboundIn = HTTPServerResponsePart
    typealias OutboundOut = HTTPServerResponsePart

    private struct Exchange {
        let isHead: Bool
        let isOld: Bool
        let isKept: Bool
        /// Where the answer to HEAD would be chunked: the encoder would end it with an empty chunk.
        var isChunkedHead = false
        /// Where only the end of the connection ends the answer's body.
        var endsWithConnection = false
    }

    /// The requests without a complete answer, in order.
    private var exchanges = CircularBuffer<Exchange>()
    private var parserError: HTTPParserError?

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        guard case .head(var head) = unwrapInboundIn(data) else { return context.fireChannelRead(data) }
        let isOld = head.version == .http1_0 || head.version == .http0_9
        exchanges.append(Exchange(isHead: head.method == .HEAD, isOld: isOld, isKept: head.isKeepAlive))
        // The server recognises only this spelling.
        if !head.isKeepAlive { head.headers.replaceOrAdd(name: "Connection", value: "close") }
        let hosts = head.headers["Host"]
        if hosts.isEmpty, isOld {
            head.headers.add(name: "Host", value: "")
        } else if hosts.count != 1 || !hosts[0].utf8.allSatisfy(Self.isHostByte) {
            head.headers.remove(name: "Host")
        }
        context.fireChannelRead(wrapInboundOut(.head(head)))
        // Behind earlier requests the client waits for their answers first.
        guard !isOld, exchanges.count == 1,
            head.headers["Expect"].contains(where: { $0.lowercased() == "100-continue" })
        else { return }
        let go = HTTPResponseHead(version: .http1_1, status: .continue)
        context.writeAndFlush(wrapOutboundOut(.head(go)), promise: nil)
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        // The first error is the cause; later ones are its consequences, of other types.
        parserError = parserError ?? error as? HTTPParserError
        context.fireErrorCaught(error)
    }

    func write(context: ChannelHandlerContext, data: NIOAny, promise: EventLoopPromise<Void>?) {
        switch unwrapOutboundIn(data) {
        case .head(let head):
            if let parserError, head.status == .badRequest, head.headers["Content-Length"] == ["0"] {
                return refuse(parserError, context, promise)
            }
            context.write(wrapOutboundOut(.head(ruled(head))), promise: promise)
        case .body:
            guard exchanges.first?.isHead == true else { return context.write(data, promise: promise) }
            context.write(wrapOutboundOut(.body(.byteBuffer(ByteBuffer()))), promise: promise)
        case .end:
            let exchange = exchanges.popFirst()
            if exchange?.isChunkedHead == true {
                context.write(wrapOutboundOut(.body(.byteBuffer(ByteBuffer()))), promise: promise)
            } else {
                context.write(data, promise: promise)
            }
            guard exchange?.endsWithConnection == true else { return }
            context.flush()
            context.close(mode: .output, promise: nil)
        }
    }

    /// The head of an answer, adapted to the method and the HTTP version of the request.
    private func ruled(_ head: HTTPResponseHead) -> HTTPResponseHead {
        guard !exchanges.isEmpty, !(100..<200).contains(head.status.code) else { return head }
        var head = head
        let exchange = exchanges[exchanges.startIndex]
        let isFramed = head.headers.contains(name: "Content-Length") || !head.status.mayHaveResponseBody
        if exchange.isOld { head.version = .http1_0 }
        if exchange.isHead {
            exchanges[exchanges.startIndex].isChunkedHead = !isFramed && !exchange.isOld
        } else if exchange.isOld, exchange.isKept, !isFramed {
            exchanges[exchanges.startIndex].endsWithConnection = true
            head.headers.replaceOrAdd(name: "Connection", value: "close")
            return head
        }
        if !exchange.isKept {
            head.headers.replaceOrAdd(name: "Connection", value: "close")
        } else if exchange.isOld, !head.headers.contains(name: "Connection") {
            head.headers.add(name: "Connection", value: "keep-alive")
        }
        return head
    }

    /// Writes head and body of the answer in the place of the server's own, which has no body.
    private func refuse(_ error: HTTPParserError, _ context: ChannelHandlerContext, _ promise: EventLoopPromise<Void>?)
    {
        let problem = Problem(parserError: error)
        let body = Response.jsonBytes(problem.document) ?? ByteBuffer()
        let head = HTTPResponseHead(
            version: .http1_1,
            status: HTTPResponseStatus(statusCode: problem.status.code, reasonPhrase: problem.status.reasonPhrase),
            headers: [
                "Content-Type": ProblemDocument.contentType, "Cache-Control": "no-store", "Connection": "close",
                "Content-Length": "\(body.readableBytes)",
            ])
        context.write(wrapOutboundOut(.head(head)), promise: nil)
        context.write(wrapOutboundOut(.body(.byteBuffer(body))), promise: promise)
    }

    /// Whether a byte may stand in a Host header: no space, and nothing that would end the authority of a URL.
    static func isHostByte(_ byte: UInt8) -> Bool {
        (0x21...0x7E).contains(byte) && !"\"#/<>?@\\^`{|}".utf8.contains(byte)
    }
}

extension Problem {
    /// The answer to what the parser refused.
    fileprivate init(parserError: HTTPParserError) {
        switch parserError {
        case .headerOverflow:
            self.init(
                .requestHeaderFieldsTooLarge,
                "the request's head is too large: at most \(ServerLimits.headerFieldBytes) bytes a field, "
                    + "\(ServerLimits.headerFields) fields and \(ServerLimits.headerBytes) bytes in all")
        case .invalidMethod:
            self.init(
                .notImplemented, "this is no method that the server knows; use GET, HEAD, POST, DELETE or OPTIONS")
        case .invalidVersion:
            self.init(.httpVersionNotSupported, "this server speaks HTTP/1.1 and HTTP/1.0")
        default:
            self.init(.badRequest, "this is no request in HTTP/1.1: \(parserError)")
        }
    }
}
