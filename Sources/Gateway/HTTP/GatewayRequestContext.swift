import Hummingbird
import NIOCore

/// What a handler knows besides the request: its connection, which the live stream closes where the client is slow.
struct GatewayRequestContext: RequestContext {
    var coreContext: CoreRequestContextStorage
    let channel: any Channel

    init(source: ApplicationRequestContextSource) {
        coreContext = CoreRequestContextStorage(source: source)
        channel = source.channel
    }
}
