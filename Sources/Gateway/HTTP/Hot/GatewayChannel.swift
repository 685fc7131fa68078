import Hummingbird
import HummingbirdCore
import HummingbirdTLS
import Logging
import NIOCore

/// An HTTP/1.1 connection with a `HotLane` in front.
struct GatewayChannel: HTTPChannelHandler {
    typealias Value = HTTP1Channel.Value

    let base: HTTP1Channel
    let desk: any HotDesk

    var responder: HTTPChannelHandler.Responder { base.responder }

    func setup(channel: any Channel, logger: Logger) -> EventLoopFuture<Value> {
        // A client that does not read may hold up so much of the kernel's memory, and no more.
        let size = SocketOptionValue(ServerLimits.sendBufferBytes)
        _ = channel.setOption(ChannelOptions.socketOption(.so_sndbuf), value: size)
        do {
            try channel.pipeline.syncOperations.addHandler(
                HotLane(desk, idleLimit: .seconds(ServerLimits.idleSeconds)))
        } catch {
            return channel.eventLoop.makeFailedFuture(error)
        }
        return base.setup(channel: channel, logger: logger)
    }

    func handle(value: Value, logger: Logger) async { await base.handle(value: value, logger: logger) }

    /// The server of such connections, with TLS where configured.
    static func server(_ desk: any HotDesk, tls: TLSConfiguration?) throws -> HTTPServerBuilder {
        let plain = HTTPServerBuilder { responder in
            GatewayChannel(
                base: HTTP1Channel(
                    responder: responder,
                    configuration: .init(
                        httpDecoderConfiguration: .init(
                            maxHeaderFieldSize: ServerLimits.headerFieldBytes,
                            maxHeaderListSize: ServerLimits.headerBytes,
                            maxHeaderFieldCount: ServerLimits.headerFields))),
                desk: desk)
        }
        return try tls.map { try .tls(plain, tlsConfiguration: $0) } ?? plain
    }
}
