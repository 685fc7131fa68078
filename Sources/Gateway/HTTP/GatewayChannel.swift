import Hummingbird
import HummingbirdCore
import Logging
import NIOCore
import NIOHTTP1

/// An HTTP/1.1 connection: TLS if configured, then the `FastPath`, then the full server, under its `MessageRules`,
/// for all other requests.
struct GatewayChannel: HTTPChannelHandler {
    typealias Value = HTTP1Channel.Value

    let base: HTTP1Channel
    let fastPath: any FastPathResponder
    let tls: GatewayConfiguration.Server.TLS?
    let tlsFailures: TLSFailures

    var responder: HTTPChannelHandler.Responder { base.responder }

    func setup(channel: any Channel, logger: Logger) -> EventLoopFuture<Value> {
        // Limits the kernel memory that a client can occupy by not reading.
        let size = SocketOptionValue(ServerLimits.sendBufferBytes)
        _ = channel.setOption(ChannelOptions.socketOption(.so_sndbuf), value: size)
        do {
            let pipeline = channel.pipeline.syncOperations
            if let tls {
                try pipeline.addHandler(
                    TLSHandler(tls.context, handshakeLimit: tls.handshakeLimit, failures: tlsFailures))
            }
            try pipeline.addHandler(FastPath(fastPath, idleLimit: .seconds(ServerLimits.idleSeconds)))
        } catch {
            return channel.eventLoop.makeFailedFuture(error)
        }
        return base.setup(channel: channel, logger: logger).flatMapThrowing { value in
            let pipeline = channel.pipeline.syncOperations
            let parser = try pipeline.handler(type: ByteToMessageHandler<HTTPRequestDecoder>.self)
            try pipeline.addHandler(MessageRules(), position: .after(parser))
            return value
        }
    }

    func handle(value: Value, logger: Logger) async { await base.handle(value: value, logger: logger) }

    /// The server for these connections.
    static func server(
        _ fastPath: any FastPathResponder, tls: GatewayConfiguration.Server.TLS?, _ logger: Logger
    ) -> HTTPServerBuilder {
        let failures = TLSFailures(logger)
        return HTTPServerBuilder { responder in
            GatewayChannel(
                base: HTTP1Channel(
                    responder: responder,
                    configuration: .init(
                        httpDecoderConfiguration: .init(
                            maxHeaderFieldSize: ServerLimits.headerFieldBytes,
                            maxHeaderListSize: ServerLimits.headerBytes,
                            maxHeaderFieldCount: ServerLimits.headerFields))),
                fastPath: fastPath, tls: tls, tlsFailures: failures)
        }
    }
}
