import Microstructure

/// What to ask the venue for.
extension BinanceSession {
    /// Names of all streams wanted, e.g. `btcusdt@depth@100ms`.
    public var streamNames: [String] {
        configuration.instruments.flatMap { instrument in
            configuration.streams.suffixes.map { "\(instrument.symbol.lowercased())@\($0)" }
        }
    }

    /// Path and query of the combined stream, to be appended to `wss://host:port`.
    public var streamPath: String {
        let names = streamNames.map { name in
            name.split(separator: "@").map { BinanceREST.percentEncoded(String($0)) }.joined(separator: "@")
        }
        let unit = configuration.timeUnit == .microseconds ? "&timeUnit=MICROSECOND" : ""
        return "/stream?streams=\(names.joined(separator: "/"))\(unit)"
    }

    /// The text frame that subscribes to all streams on a connection opened without names.
    public func subscribeMessage(id: Int) -> String {
        let names = streamNames.map { "\"\($0)\"" }.joined(separator: ",")
        return "{\"method\":\"SUBSCRIBE\",\"params\":[\(names)],\"id\":\(id)}"
    }

    /// The request that `.fetchSnapshot(id)` asks for. Requires an id of this session.
    public func snapshotRequest(for id: InstrumentID) -> BinanceRequest {
        BinanceREST.depth(symbol: instruments[id.index].symbol, limit: configuration.snapshotDepth)
    }
}
