import Microstructure
import Runtime

/// The markets that a client asks for, by the parameters `symbol` and `venue`. An absent condition matches every market.
struct MarketFilter: Sendable, Equatable {
    static let names = ["symbol", "venue"]

    /// Normalised, e.g. `BTCUSDT`.
    var symbol: String?
    /// E.g. `okx`; `api` for posted signals.
    var venue: String?

    var isEmpty: Bool { symbol == nil && venue == nil }

    func matches(symbol: String, venue: String) -> Bool {
        (self.symbol.map { $0 == symbol } ?? true) && (self.venue.map { $0 == venue } ?? true)
    }

    /// `BTCUSDT at the venue 'okx'`.
    var text: String {
        let place = venue.map { " at the venue '\($0)'" } ?? ""
        return (symbol ?? "any market") + place
    }
}

extension MarketFilter {
    /// Reads the parameters `names`. Throws a 400 that names the invalid parameter.
    init(_ query: QueryParameters) throws(Problem) {
        if let text = query.text("symbol") {
            guard let name = SymbolName.normalized(text) else {
                throw Problem(.badRequest, "symbol \(SymbolName.rule)")
            }
            symbol = name
        }
        if let text = query.text("venue") {
            guard Venue(rawValue: text) != nil else {
                throw Problem(
                    .badRequest,
                    "venue='\(text.prefix(Venue.lengthLimit))' is no venue; it is written like okx or binance_usdm")
            }
            venue = text
        }
    }
}
