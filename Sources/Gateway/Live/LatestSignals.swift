import Synchronization
import Wire

/// The newest signal of each market, for the overview of all markets.
final class LatestSignals: Sendable {
    /// Most markets kept; signals of further ones are not shown in the overview.
    static let limit = MarketBoard.marketLimit

    struct Signal: Sendable {
        let id: String
        let timestamp: Double
        let type: String
        let score: Double
        let direction: String?
    }

    /// A posted signal has no venue: it is for each venue of the symbol.
    private struct Market: Hashable {
        let venue: String?
        let symbol: String
    }

    private let signals = Mutex<[Market: Signal]>([:])

    /// - Parameter stored: signals of earlier runs.
    init(_ stored: [SignalDocument] = []) {
        for signal in stored { receive(signal) }
    }

    func receive(_ signal: SignalDocument) {
        let market = Market(venue: signal.venue == PostedSignal.venue ? nil : signal.venue, symbol: signal.symbol)
        signals.withLock { signals in
            if let known = signals[market] {
                guard signal.timestamp >= known.timestamp else { return }
            } else if signals.count >= Self.limit {
                return
            }
            signals[market] = Signal(
                id: signal.id, timestamp: signal.timestamp, type: signal.signalType, score: signal.score,
                direction: signal.direction)
        }
    }

    func signal(venue: String, symbol: String) -> Signal? {
        signals.withLock { signals in
            let candidates = [
                signals[Market(venue: venue, symbol: symbol)], signals[Market(venue: nil, symbol: symbol)],
            ]
            return candidates.compactMap(\.self).max { $0.timestamp < $1.timestamp }
        }
    }
}
