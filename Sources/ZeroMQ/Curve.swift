import CZeroMQ

/// CurveZMQ, libzmq's encryption and authentication. Source: https://rfc.zeromq.org/spec/26/
public enum Curve {
    /// Whether this libzmq was built with CurveZMQ (`zmq_has`).
    public static var isAvailable: Bool { zmq_has("curve") == 1 }

    /// A new pair of keys from the system's randomness. Corresponds to `zmq_curve_keypair`.
    public static func generateKeyPair() throws(ZMQError) -> CurveKeys {
        var (publicKey, secretKey) = (CurveKeys.textBuffer, CurveKeys.textBuffer)
        try check("zmq_curve_keypair") { zmq_curve_keypair(&publicKey, &secretKey) }
        return CurveKeys(publicText: publicKey, secretText: secretKey)
    }
}

/// A public key and its secret key, each 40 characters of Z85 (https://rfc.zeromq.org/spec/32/).
/// Printing it shows the public key only.
public struct CurveKeys: Sendable, Equatable, CustomStringConvertible, CustomReflectable {
    public let publicKey: String
    public let secretKey: String

    /// Derives the public key. Corresponds to `zmq_curve_public`.
    /// - Throws: `EINVAL` unless `secretKey` is 40 characters of Z85.
    public init(secretKey: String) throws(ZMQError) {
        try CurveKeys.validate(secretKey, "the secret key")
        var publicKey = CurveKeys.textBuffer
        try check("zmq_curve_public") { zmq_curve_public(&publicKey, secretKey) }
        self.publicKey = CurveKeys.text(publicKey)
        self.secretKey = secretKey
    }

    /// - Throws: `EINVAL` unless both are 40 characters of Z85 and belong together.
    public init(publicKey: String, secretKey: String) throws(ZMQError) {
        try CurveKeys.validate(publicKey, "the public key")
        let derived = try CurveKeys(secretKey: secretKey)
        guard derived.publicKey == publicKey else {
            throw ZMQError("zmq_curve_public", code: EINVAL, subject: "the public key is not that of the secret key")
        }
        self = derived
    }

    fileprivate init(publicText: [CChar], secretText: [CChar]) {
        publicKey = CurveKeys.text(publicText)
        secretKey = CurveKeys.text(secretText)
    }

    public var description: String { "CurveKeys(publicKey: \(publicKey), secretKey: hidden)" }
    public var customMirror: Mirror { Mirror(self, children: ["publicKey": publicKey]) }

    private static let textLength = 40
    /// Room for the text of one key and its closing zero.
    fileprivate static var textBuffer: [CChar] { [CChar](repeating: 0, count: textLength + 1) }

    private static func text(_ buffer: [CChar]) -> String {
        String(decoding: buffer.prefix(textLength).map(UInt8.init(bitPattern:)), as: UTF8.self)
    }

    fileprivate static func validate(_ key: String, _ what: String) throws(ZMQError) { _ = try binary(key, what) }

    /// The 32 bytes of a key. Corresponds to `zmq_z85_decode`.
    static func binary(_ key: String, _ what: String) throws(ZMQError) -> [UInt8] {
        var binary = [UInt8](repeating: 0, count: 32)
        guard key.utf8.count == textLength, zmq_z85_decode(&binary, key) != nil else {
            throw ZMQError("zmq_z85_decode", code: EINVAL, subject: "\(what) must be 40 characters of Z85")
        }
        return binary
    }
}

/// The role of a socket in an encrypted connection. The server holds the known key and is usually the socket that
/// binds. A server admits every client that knows its public key, unless its context has a list of clients
/// (`CurveSecurity`).
public enum CurveRole: Sendable, Equatable {
    case server(CurveKeys)
    case client(CurveKeys, serverPublicKey: String)

    func apply(_ setter: OptionSetter) throws(ZMQError) {
        switch self {
        case .server(let keys):
            try setter.set(ZMQ_CURVE_SERVER, "ZMQ_CURVE_SERVER", true)
            try setter.set(ZMQ_CURVE_SECRETKEY, "ZMQ_CURVE_SECRETKEY", bytes: Array(keys.secretKey.utf8))
        case .client(let keys, let serverPublicKey):
            try CurveKeys.validate(serverPublicKey, "the server's public key")
            try setter.set(ZMQ_CURVE_SERVERKEY, "ZMQ_CURVE_SERVERKEY", bytes: Array(serverPublicKey.utf8))
            try setter.set(ZMQ_CURVE_PUBLICKEY, "ZMQ_CURVE_PUBLICKEY", bytes: Array(keys.publicKey.utf8))
            try setter.set(ZMQ_CURVE_SECRETKEY, "ZMQ_CURVE_SECRETKEY", bytes: Array(keys.secretKey.utf8))
        }
    }
}
