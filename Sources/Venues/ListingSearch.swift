import Microstructure

/// Finds which symbols a venue lists. A venue refuses a whole request for one symbol that it does not know, so a
/// refused request is halved until the unknown symbols stand alone: about 2 log₂ n requests for each unknown one of n.
///
/// Ask for the symbols in `next`, and report the answer; repeat until `next` is `nil`.
public struct ListingSearch: Sendable {
    /// A symbol that the venue does not serve, and why.
    public struct Unlisted: Sendable, Hashable {
        public let symbol: String
        public let reason: String

        public init(symbol: String, reason: String) {
            self.symbol = symbol
            self.reason = reason
        }
    }

    /// Requests to make, the next one last.
    private var batches: [[String]]
    private let symbols: [String]
    /// The venue's answers, those with unreadable rules too.
    private var answers: [String: VenueListing] = [:]
    private var reasons: [String: String] = [:]

    /// - Parameter batches: symbols to ask for together.
    public init(_ batches: [[String]]) {
        self.batches = batches.reversed().filter { !$0.isEmpty }
        symbols = batches.flatMap { $0 }
    }

    /// The symbols to ask for now; `nil` when the search has ended.
    public var next: [String]? { batches.last }

    /// The venue has answered the request for `next`.
    public mutating func take(_ listings: [VenueListing]) {
        guard let asked = batches.popLast() else { return }
        // A symbol may be asked for in the venue's own spelling too.
        let spellings = listings.flatMap { listing in
            let own = (try? listing.instrument.get()).flatMap { SymbolName.normalized($0.venueSymbol) }
            return [(listing.symbol, listing)] + (own.map { [($0, listing)] } ?? [])
        }
        let answered = Dictionary(spellings, uniquingKeysWith: { first, _ in first })
        for symbol in asked {
            guard let listing = answered[symbol] else {
                reasons[symbol] = "the venue does not list it"
                continue
            }
            answers[symbol] = listing
            if case .failure(let error) = listing.instrument {
                reasons[symbol] = "its trading rules cannot be read: \(error)"
            }
        }
    }

    /// The venue has refused the request for `next` because of a symbol in it.
    public mutating func refuse(_ reason: String) {
        guard let asked = batches.popLast() else { return }
        let halves = Self.halves(asked)
        if halves.isEmpty { for symbol in asked { reasons[symbol] = reason } }
        batches += halves.reversed()
    }

    /// The two requests that replace a refused one; none for a single symbol.
    public static func halves(_ symbols: [String]) -> [[String]] {
        guard symbols.count > 1 else { return [] }
        let middle = symbols.count / 2
        return [Array(symbols[..<middle]), Array(symbols[middle...])]
    }

    /// The symbols that can be served, in the order requested.
    public var listings: [VenueListing] {
        symbols.compactMap { reasons[$0] == nil ? answers[$0] : nil }
    }

    /// What the venue said of a symbol; `nil` if it does not list it.
    public func answer(for symbol: String) -> VenueListing? { answers[symbol] }

    /// The symbols that the venue does not serve, in the order requested.
    public var unlisted: [Unlisted] {
        symbols.compactMap { symbol in reasons[symbol].map { Unlisted(symbol: symbol, reason: $0) } }
    }
}
