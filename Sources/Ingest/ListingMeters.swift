import Metrics
import Microstructure
import Runtime
import Venues

/// Reports what the venue says of each symbol to the metrics: 1 for what holds, 0 for what held before.
struct ListingMeters {
    private let venue: Venue
    private var statuses: [String: TradingStatus] = [:]
    private var unlisted: Set<String> = []

    init(venue: Venue) { self.venue = venue }

    private func labels(_ symbol: String) -> [(String, String)] {
        MetricLabels.market(venue: venue.rawValue, symbol: symbol)
    }

    mutating func report(_ symbol: String, _ status: TradingStatus) {
        let before = statuses.updateValue(status, forKey: symbol)
        guard before != status else { return }
        func gauge(_ status: TradingStatus) -> Gauge {
            Gauge(label: MetricName.tradingStatus, dimensions: labels(symbol) + [("status", status.rawValue)])
        }
        if let before { gauge(before).record(0) }
        gauge(status).record(1)
    }

    mutating func report(unlisted symbols: [String]) {
        let now = Set(symbols)
        guard now != unlisted else { return }
        for symbol in now.union(unlisted) {
            Gauge(label: MetricName.unknownSymbol, dimensions: labels(symbol))
                .record(now.contains(symbol) ? 1 : 0)
        }
        unlisted = now
    }
}
