import NIOCore

/// Answers the most frequent requests before HTTP is parsed in full, and closes idle connections.
///
/// The first other request hands its connection permanently to the full HTTP server behind this handler. The requests
/// of a connection are answered one at a time, in order. Lives on the connection's event loop.
final class FastPath: ChannelDuplexHandler {
    typealias InboundIn = ByteBuffer
    typealias InboundOut = ByteBuffer
    typealias OutboundIn = ByteBuffer
    typealias OutboundOut = ByteBuffer

    /// Bytes of further requests buffered while one is being answered; above the limit, reading pauses.
    private static let waitingLimit = 64 << 10

    private let responder: any FastPathResponder
    private let idleLimit: TimeAmount
    private var waiting = ByteBuffer()
    private var isFast = true
    private var isAnswering = false
    private var holdsRead = false
    /// Events that must not overtake an answer.
    private var heldEvents: [Any] = []
    private var lastWrite = NIODeadline.now()
    private var idleCheck: Scheduled<Void>?

    /// - Parameter idleLimit: a connection without an answer sent for this long is closed, whatever it receives.
    init(_ responder: any FastPathResponder, idleLimit: TimeAmount) {
        self.responder = responder
        self.idleLimit = idleLimit
    }

    func handlerAdded(context: ChannelHandlerContext) { scheduleIdleCheck(context, in: idleLimit) }

    func handlerRemoved(context: ChannelHandlerContext) { idleCheck?.cancel() }

    func channelInactive(context: ChannelHandlerContext) {
        idleCheck?.cancel()
        context.fireChannelInactive()
    }

    private func scheduleIdleCheck(_ context: ChannelHandlerContext, in delay: TimeAmount) {
        let bound = NIOLoopBound((self, context), eventLoop: context.eventLoop)
        idleCheck = context.eventLoop.scheduleTask(in: delay) {
            let (path, context) = bound.value
            let left = path.lastWrite + path.idleLimit - .now()
            if left <= .zero { context.close(promise: nil) } else { path.scheduleIdleCheck(context, in: left) }
        }
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        guard isFast else { return context.fireChannelRead(data) }
        var bytes = unwrapInboundIn(data)
        if waiting.readableBytes == 0 { waiting = bytes } else { waiting.writeBuffer(&bytes) }
        work(context)
    }

    func channelReadComplete(context: ChannelHandlerContext) {
        if isFast { context.flush() }
        context.fireChannelReadComplete()
    }

    func read(context: ChannelHandlerContext) {
        if isFast, isAnswering, waiting.readableBytes > Self.waitingLimit { holdsRead = true } else { context.read() }
    }

    func write(context: ChannelHandlerContext, data: NIOAny, promise: EventLoopPromise<Void>?) {
        lastWrite = .now()
        context.write(data, promise: promise)
    }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        // The client has ended its side, or the server stops: either event makes the full server close the connection,
        // but an answer may still be due here.
        if isFast, isAnswering { heldEvents.append(event) } else { context.fireUserInboundEventTriggered(event) }
    }

    /// Answers the buffered requests until an answer is not ready at once.
    private func work(_ context: ChannelHandlerContext) {
        while isFast, !isAnswering, waiting.readableBytes > 0 {
            let outcome = waiting.withUnsafeReadableBytes { FastPathRequest.read($0) }
            switch outcome {
            case .incomplete: return
            case .other: return hand(context)
            case .request(let request, let length):
                switch responder.answer(request, from: context.channel) {
                case .now(let answer):
                    waiting.moveReaderIndex(forwardBy: length)
                    write(context: context, data: wrapOutboundOut(answer), promise: nil)
                case .later(let answer):
                    waiting.moveReaderIndex(forwardBy: length)
                    isAnswering = true
                    // Earlier answers must not wait for this one.
                    context.flush()
                    let bound = NIOLoopBound((self, context), eventLoop: context.eventLoop)
                    answer.whenComplete { result in
                        let (path, context) = bound.value
                        path.finish(result, context)
                    }
                case .other: return hand(context)
                }
            }
        }
    }

    private func finish(_ result: Result<ByteBuffer, any Error>, _ context: ChannelHandlerContext) {
        isAnswering = false
        guard context.channel.isActive else { return }
        guard case .success(let answer) = result else { return context.close(promise: nil) }
        write(context: context, data: wrapOutboundOut(answer), promise: nil)
        work(context)
        context.flush()
        guard !isAnswering else { return }
        for event in heldEvents { context.fireUserInboundEventTriggered(event) }
        heldEvents = []
        if holdsRead {
            holdsRead = false
            context.read()
        }
    }

    /// Hands this and all further requests to the full server.
    private func hand(_ context: ChannelHandlerContext) {
        isFast = false
        context.flush()
        let bytes = waiting
        waiting = ByteBuffer()
        context.fireChannelRead(wrapInboundOut(bytes))
        context.fireChannelReadComplete()
    }
}

/// Answers the requests that a `FastPath` reads.
protocol FastPathResponder: Sendable {
    func answer(_ request: FastPathRequest, from channel: any Channel) -> FastPathAnswer
}

/// A complete answer, as sent.
enum FastPathAnswer {
    case now(ByteBuffer)
    case later(EventLoopFuture<ByteBuffer>)
    /// Left to the full server, which also reports errors in the request.
    case other
}
