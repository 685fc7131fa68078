import Simulation
import Transport

/// What differs between Binance's markets in handshakes and requests.
enum BinanceService {
    case spot
    /// The spot market with its binary streams: below `/sbe`, and at the root for who has a key.
    case sbe
    case usdm
    case coinm

    var isFutures: Bool { self == .usdm || self == .coinm }

    /// Where the paths of requests begin.
    var path: String {
        switch self {
        case .spot, .sbe: "/api/v3/"
        case .usdm: "/fapi/v1/"
        case .coinm: "/dapi/v1/"
        }
    }

    /// Most levels a side in the answer to a request for the book.
    var depthLimit: Int { isFutures ? 1_000 : 5_000 }

    /// The weight of a request; `nil` for one that does not exist.
    func weight(of request: ServerRequest) -> Int? {
        guard request.path.hasPrefix(path) else { return nil }
        let limit = request.query("limit").flatMap(Int.init)
        switch request.path.dropFirst(path.count) {
        case "ping", "time": return 1
        case "exchangeInfo": return isFutures ? 1 : 20
        case "trades" where isFutures: return 5
        case "historicalTrades" where isFutures: return 20
        case "historicalTrades", "trades": return 25
        case "aggTrades": return isFutures ? 20 : 4
        case "depth" where isFutures:
            switch limit ?? 500 {
            case ...50: return 2
            case ...100: return 5
            case ...500: return 10
            default: return 20
            }
        case "depth":
            switch limit ?? 100 {
            case ...100: return 5
            case ...500: return 25
            case ...1_000: return 50
            default: return 250
            }
        default: return nil
        }
    }

    // MARK: Handshakes

    /// A part of the streams, with its own paths.
    enum Route {
        /// All JSON streams.
        case all
        /// The binary streams.
        case binary
        /// Depth, trades and best prices of USD-M.
        case book
        /// Aggregates and mark prices of USD-M.
        case market

        /// The name inside the simulator of a stream that a client asks for here; `nil` for one of another route.
        func stream(_ name: String) -> String? {
            let kind = name.split(separator: "@", maxSplits: 1).dropFirst().first ?? ""
            let isOfMarket = ["aggTrade", "markPrice", "markPrice@1s", "forceOrder"].contains(kind)
            switch self {
            case .all: return name
            case .binary: return BinanceSBEEncoder.streamName(name)
            case .book: return isOfMarket ? nil : name
            case .market: return isOfMarket ? name : nil
            }
        }
    }

    /// The route of a handshake's path, and the rest of the path; `nil` for a path that does not exist. USD-M has none
    /// at its root since 2026-04-23.
    func route(of path: String, hasKey: Bool) -> (route: Route, rest: Substring)? {
        func below(_ folder: String) -> Substring? {
            path.hasPrefix(folder + "/") ? path.dropFirst(folder.count) : nil
        }
        switch self {
        case .usdm:
            return below("/public").map { (.book, $0) } ?? below("/market").map { (.market, $0) }
        case .sbe:
            return below("/sbe").map { (.binary, $0) } ?? (hasKey ? .binary : .all, path[...])
        case .spot, .coinm:
            return (.all, path[...])
        }
    }
}
