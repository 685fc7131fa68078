import Microstructure

/// The streams of some instruments, as requested by one connection.
struct BinanceSubscription {
    let instruments: [Instrument]
    let streams: BinanceStreams
    let timeUnit: VenueTimeUnit
    var market = BinanceMarket.global

    /// Names of all streams wanted, e.g. `btcusdt@depth@100ms`.
    var streamNames: [String] {
        instruments.flatMap { instrument in
            streams.suffixes(of: market).map { "\(instrument.venueSymbol.lowercased())@\($0)" }
        }
    }

    /// Path and query of the combined stream, to be appended to `wss://host:port`.
    var target: String {
        let names = streamNames.map { name in
            name.split(separator: "@").map { BinanceREST.percentEncoded(String($0)) }.joined(separator: "@")
        }
        return "/stream?streams=\(names.joined(separator: "/"))\(unit.map { "&\($0)" } ?? "")"
    }

    /// The same path without stream names, for use with `messages`.
    var emptyTarget: String { unit.map { "/stream?\($0)" } ?? "/stream" }

    /// Asks for a unit other than the usual one; binary times have one unit.
    private var unit: String? {
        market != .sbe && market.timeUnit(timeUnit) == .microseconds ? "timeUnit=MICROSECOND" : nil
    }

    /// The text frames that subscribe to all streams on a connection opened without names, `limit` streams per frame,
    /// with ids counted from 1.
    func messages(streamsPerMessage limit: Int = 200) -> [String] {
        let names = streamNames
        return stride(from: 0, to: names.count, by: limit).enumerated().map { index, start in
            let list = names[start..<min(names.count, start + limit)].map { "\"\($0)\"" }.joined(separator: ",")
            return "{\"method\":\"SUBSCRIBE\",\"params\":[\(list)],\"id\":\(index + 1)}"
        }
    }
}
