import NIOCore

/// Answers the requests that are asked most before HTTP is parsed in full, and closes connections on which nothing happens.
///
/// The first request that is not one of these sends its connection, for good, to the server behind. Requests of a connection
/// are answered one after the other, in their order. Lives on the connection's event loop.
final class HotLane: ChannelDuplexHandler {
    typealias InboundIn = ByteBuffer
    typealias InboundOut = ByteBuffer
    typealias OutboundIn = ByteBuffer
    typealias OutboundOut = ByteBuffer

    /// Bytes of further requests taken in while one is being answered; beyond it nothing more is read.
    private static let waitingLimit = 64 << 10

    private let desk: any HotDesk
    private let idleLimit: TimeAmount
    private var waiting = ByteBuffer()
    private var isHot = true
    private var isAnswering = false
    private var holdsRead = false
    /// Events that must not overtake an answer.
    private var heldEvents: [Any] = []
    private var lastWrite = NIODeadline.now()
    private var idleCheck: Scheduled<Void>?

    /// - Parameter idleLimit: a connection on which nothing has been sent for this long is closed, whatever comes in.
    init(_ desk: any HotDesk, idleLimit: TimeAmount) {
        self.desk = desk
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
            let (lane, context) = bound.value
            let left = lane.lastWrite + lane.idleLimit - .now()
            if left <= .zero { context.close(promise: nil) } else { lane.scheduleIdleCheck(context, in: left) }
        }
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        guard isHot else { return context.fireChannelRead(data) }
        var bytes = unwrapInboundIn(data)
        if waiting.readableBytes == 0 { waiting = bytes } else { waiting.writeBuffer(&bytes) }
        work(context)
    }

    func channelReadComplete(context: ChannelHandlerContext) {
        if isHot { context.flush() }
        context.fireChannelReadComplete()
    }

    func read(context: ChannelHandlerContext) {
        if isHot, isAnswering, waiting.readableBytes > Self.waitingLimit { holdsRead = true } else { context.read() }
    }

    func write(context: ChannelHandlerContext, data: NIOAny, promise: EventLoopPromise<Void>?) {
        lastWrite = .now()
        context.write(data, promise: promise)
    }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        // Both make the server behind close the connection, which may still owe an answer here.
        if isHot, isAnswering { heldEvents.append(event) } else { context.fireUserInboundEventTriggered(event) }
    }

    /// Answers what has come, until one answer has to be waited for.
    private func work(_ context: ChannelHandlerContext) {
        while isHot, !isAnswering, waiting.readableBytes > 0 {
            let outcome = waiting.withUnsafeReadableBytes { HotRequest.read($0) }
            switch outcome {
            case .incomplete: return
            case .other: return hand(context)
            case .request(let request, let length):
                switch desk.answer(request, from: context.channel) {
                case .now(let answer):
                    waiting.moveReaderIndex(forwardBy: length)
                    write(context: context, data: wrapOutboundOut(answer), promise: nil)
                case .later(let answer):
                    waiting.moveReaderIndex(forwardBy: length)
                    isAnswering = true
                    // What was answered before must not wait for it.
                    context.flush()
                    let bound = NIOLoopBound((self, context), eventLoop: context.eventLoop)
                    answer.whenComplete { result in
                        let (lane, context) = bound.value
                        lane.finish(result, context)
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

    /// Leaves this and all further requests to the server behind.
    private func hand(_ context: ChannelHandlerContext) {
        isHot = false
        context.flush()
        let bytes = waiting
        waiting = ByteBuffer()
        context.fireChannelRead(wrapInboundOut(bytes))
        context.fireChannelReadComplete()
    }
}

/// What a `HotLane` asks for answers.
protocol HotDesk: Sendable {
    func answer(_ request: HotRequest, from channel: any Channel) -> HotAnswer
}

/// Whole answers, as sent.
enum HotAnswer {
    case now(ByteBuffer)
    case later(EventLoopFuture<ByteBuffer>)
    /// Left to the server behind, which says what is wrong with it.
    case other
}
