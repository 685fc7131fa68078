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

    /// The path of the combined stream without names, for `subscribeMessages`.
    public var emptyStreamPath: String {
        configuration.timeUnit == .microseconds ? "/stream?timeUnit=MICROSECOND" : "/stream"
    }

    /// The text frames that subscribe to all streams on a connection opened without names, `limit` a frame, their ids
    /// counted from 1. The venue takes at most five messages a second.
    public func subscribeMessages(streamsPerMessage limit: Int = 200) -> [String] {
        let names = streamNames
        return stride(from: 0, to: names.count, by: limit).enumerated().map { index, start in
            let list = names[start..<min(names.count, start + limit)].map { "\"\($0)\"" }.joined(separator: ",")
            return "{\"method\":\"SUBSCRIBE\",\"params\":[\(list)],\"id\":\(index + 1)}"
        }
    }

    /// The request that `.fetchSnapshot(id)` asks for. Requires an id of this session.
    public func snapshotRequest(for id: InstrumentID) -> BinanceRequest {
        BinanceREST.depth(symbol: instruments[id.index].symbol, limit: configuration.snapshotDepth)
    }
}
