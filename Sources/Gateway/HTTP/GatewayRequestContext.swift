import Hummingbird
import Runtime
import NIOCore

/// A handler's context besides the request: the connection, which a live stream closes if the client is slow.
struct GatewayRequestContext: RequestContext {
    var coreContext: CoreRequestContextStorage
    let channel: any Channel

    init(source: ApplicationRequestContextSource) {
        coreContext = CoreRequestContextStorage(source: source)
        channel = source.channel
    }

    /// A placeholder's text in the request's path, percent-decoded.
    func pathText(_ name: String) throws -> String {
        let raw = try parameters.require(name)
        guard let text = PercentEncoding.decoded(raw.utf8), !text.utf8.contains(where: { $0 < 0x20 || $0 == 0x7F })
        else {
            throw Problem(.badRequest, "the path's {\(name)} is not percent-encoded UTF-8 without control characters")
        }
        return text
    }
}
