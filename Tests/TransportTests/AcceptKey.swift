import CLibWebSockets
import Foundation

/// The answer to a handshake's key (RFC 6455, 4.2.2).
func acceptKey(for key: String) -> String {
    let text = Array((key + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11").utf8)
    var digest = [UInt8](repeating: 0, count: 20)
    lws_SHA1(text, text.count, &digest)
    return Data(digest).base64EncodedString()
}
