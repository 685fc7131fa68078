import Runtime
import ZeroMQ

/// The keys of the bus. One variable serves all processes of a host: `CURVE_SECRET_KEY`, `CURVE_SERVER_KEY` and
/// `CURVE_ALLOWED_KEYS`, each also as `…_FILE`, and each also with the process's own prefix.
package enum BusSecurity {
    /// Most clients that a process admits by name.
    static let clientLimit = 1_024

    /// `nil` without a secret key.
    package static func decode(_ settings: inout Settings) throws(ConfigurationError) -> CurveSecurity? {
        let secret = try settings.secret("curveSecretKey", alias: "CURVE_SECRET_KEY")
        let server = try settings.secret("curveServerKey", alias: "CURVE_SERVER_KEY")
        let allowed = try settings.secret("curveAllowedKeys", alias: "CURVE_ALLOWED_KEYS")
        guard let secret else {
            guard server == nil, allowed == nil else {
                throw ConfigurationError(setting: "CURVE_SECRET_KEY", problem: "is missing: the other keys need it")
            }
            return nil
        }
        guard Curve.isAvailable else {
            throw ConfigurationError(setting: "CURVE_SECRET_KEY", problem: "cannot be used: this libzmq has no CURVE")
        }
        do {
            let keys = try CurveKeys(secretKey: secret)
            var clients = allowed.map(list)
            // The processes that share the key admit each other.
            clients?.insert(keys.publicKey)
            guard clients?.count ?? 0 <= clientLimit else {
                throw ConfigurationError(setting: "CURVE_ALLOWED_KEYS", problem: "has more than \(clientLimit) keys")
            }
            return try CurveSecurity(keys: keys, serverPublicKey: server, allowedClients: clients)
        } catch let error as ZMQError {
            throw ConfigurationError(setting: "CURVE keys", problem: error.subject ?? "\(error)")
        } catch let error as ConfigurationError {
            throw error
        } catch {
            throw ConfigurationError(setting: "CURVE keys", problem: "\(error)")
        }
    }

    /// One key per line. Text after the key, such as its owner, is ignored, and so are lines that begin with `# `.
    private static func list(_ text: String) -> Set<String> {
        Set(
            text.split(whereSeparator: \.isNewline).compactMap { line in
                let key = line.drop(while: \.isWhitespace).prefix { !$0.isWhitespace }
                return key.isEmpty || line.hasPrefix("# ") ? nil : String(key)
            })
    }
}
