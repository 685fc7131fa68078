import Runtime
import HTTPTypes
import Hummingbird
import NIOCore
import ServiceLifecycle

/// `/api/v1/signals/stream`: live signals as server-sent events.
///
/// An event is `id: …`, `event: signal`, `data: {the signal's JSON}`. A client that reconnects with the header
/// Last-Event-ID first gets the missed signals; if that id is no longer held, an event `gap` and then all held signals.
/// Source: WHATWG HTML, section "Server-sent events".
struct SignalStreamController<Repository: SignalRepository>: Sendable {
    /// Seconds that a client gets to read queued events when the process stops, before its connection is closed.
    static var stopLimitSeconds: Int64 { 1 }
    /// How long a browser waits before it reconnects.
    static var retryMilliseconds: Int { 1_000 }

    let repository: Repository
    let hub: SignalHub

    var routes: [Route] {
        [
            Route(
                "/api/v1/signals/stream",
                "Live signals as server-sent events; resumes after Last-Event-ID (symbol, venue).",
                [.get: open])
        ]
    }

    @Sendable private func open(_ request: Request, _ context: GatewayRequestContext) async throws -> Response {
        let query = try QueryParameters(request, allowed: MarketFilter.names + ["seconds"])
        let wanted = try MarketFilter(query)
        let seconds = try query.streamSeconds()
        let last = request.headers[.lastEventID]
        if let last, !SignalIntake<Repository>.isUsable(id: last) {
            throw Problem(.badRequest, "Last-Event-ID is no signal's id; leave it out to begin with what comes now")
        }
        let channel = context.channel
        // Subscribe first, then read the past signals: none is missed, and the position reveals duplicates.
        guard let subscription = hub.subscribe(to: wanted, onDrop: { channel.close(promise: nil) }) else {
            throw Problem(
                .serviceUnavailable, "all \(SignalHub.streamLimit) streams are taken; try again",
                headers: [.retryAfter: "5"])
        }
        var backlog: SignalBacklog?
        if let last { backlog = try await repository.backlog(after: last, of: wanted) }
        let body = ResponseBody { [backlog] writer in
            let end = seconds.map { channel.eventLoop.scheduleTask(in: $0) { subscription.finish() } }
            defer { end?.cancel() }
            try await withGracefulShutdownHandler {
                try await request.body.consumeWithInboundCloseHandler { _ in
                    try await Self.write(backlog, subscription.events, to: &writer)
                } onInboundClosed: {
                    subscription.finish()
                }
            } onGracefulShutdown: {
                subscription.finish()
                channel.eventLoop.scheduleTask(in: .seconds(Self.stopLimitSeconds)) { channel.close(promise: nil) }
            }
            try await writer.finish(nil)
        }
        return .eventStream(body)
    }

    private static func write(
        _ backlog: SignalBacklog?, _ events: AsyncStream<StreamEvent>, to writer: inout any ResponseBodyWriter
    ) async throws {
        try await writer.write(ByteBuffer(string: "retry: \(retryMilliseconds)\n\n"))
        if let backlog {
            if !backlog.isComplete { try await writer.write(StreamEvent.gap.bytes) }
            for signal in backlog.signals { try await writer.write(StreamEvent(signal).bytes) }
        }
        let written = backlog?.end ?? 0
        for await event in events where event.position.map({ $0 > written }) ?? true {
            try await writer.write(event.bytes)
        }
    }
}

extension QueryParameters {
    /// The parameter `seconds`: the requested duration of the stream; `nil` sets no end.
    func streamSeconds() throws(QueryError) -> TimeAmount? {
        try number("seconds", in: 0.01...86_400).map { .nanoseconds(Int64($0 * 1e9)) }
    }
}
