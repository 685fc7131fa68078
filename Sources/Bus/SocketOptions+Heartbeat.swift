import ZeroMQ

extension SocketOptions {
    /// ZMTP heartbeats: a peer behind a dropped host or a forgotten NAT entry is noticed within 20 seconds, and the
    /// connection is made anew, instead of staying silent for ever.
    package mutating func setHeartbeat() {
        heartbeatIntervalMilliseconds = 5_000
        heartbeatTimeoutMilliseconds = 15_000
    }
}
