import Runtime
import Glibc
import Logging
import NIOCore

extension GatewayConfiguration {
    /// Where HTTP is served, and to which clients.
    struct Server: Sendable {
        var host: String
        /// 0 picks a free port, which is logged.
        var port: Int
        /// `nil` serves plain HTTP.
        var tls: TLS?
        var origins: Set<String> = []
        var keys: [APIKey] = []
        var requestsPerSecond: Int?
        var connections = ServerLimits.connections

        /// How connections are encrypted.
        struct TLS: Sendable {
            let context: TLSContext
            /// A connection whose handshake takes longer is closed.
            var handshakeLimit = TimeAmount.seconds(ServerLimits.handshakeSeconds)
        }

        /// Raises the process's limit of file descriptors and returns a copy with no more connections than the limit
        /// allows. Logs what an operator should know.
        func fitted(_ logger: Logger) -> Server {
            var limit = rlimit()
            getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit)
            if limit.rlim_cur < limit.rlim_max {
                limit.rlim_cur = limit.rlim_max
                setrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit)
                getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit)
            }
            var server = self
            let possible = max(16, Int(clamping: limit.rlim_cur) - ServerLimits.reservedDescriptors)
            if possible < connections {
                server.connections = possible
                logger.notice(
                    "fewer connections than configured: the process may open too few files",
                    metadata: ["connections": "\(possible)", "descriptors": "\(limit.rlim_cur)"])
            }
            if keys.isEmpty, host != "127.0.0.1", host != "::1", host != "localhost" {
                logger.warning(
                    "serving beyond this host without keys; set GATEWAY_API_KEYS_FILE", metadata: ["host": "\(host)"])
            }
            return server
        }
    }

    /// TLS 1.2 and later with the certificate and key of two PEM files; `nil` if neither is given.
    static func tls(certificate: String?, key: String?) throws(ConfigurationError) -> Server.TLS? {
        guard certificate != nil || key != nil else { return nil }
        guard let certificate, let key else {
            throw ConfigurationError(setting: "--tls-certificate", problem: "needs --tls-key too, and the reverse")
        }
        do {
            return Server.TLS(context: try TLSContext(certificate: certificate, key: key))
        } catch {
            let setting = error.file == .certificate ? "--tls-certificate" : "--tls-key"
            throw ConfigurationError(setting: setting, problem: error.problem)
        }
    }
}
