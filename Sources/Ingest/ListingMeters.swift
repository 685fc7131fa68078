import Metrics
import Runtime
import Venues

/// Reports what the venue says of each symbol to the metrics: 1 for what holds, 0 for what held before.
struct ListingMeters {
    private var statuses: [String: TradingStatus] = [:]
    private var unlisted: Set<String> = []

    mutating func report(_ symbol: String, _ status: TradingStatus) {
        let before = statuses.updateValue(status, forKey: symbol)
        guard before != status else { return }
        func gauge(_ status: TradingStatus) -> Gauge {
            Gauge(label: MetricName.tradingStatus, dimensions: [("symbol", symbol), ("status", status.rawValue)])
        }
        if let before { gauge(before).record(0) }
        gauge(status).record(1)
    }

    mutating func report(unlisted symbols: [String]) {
        let now = Set(symbols)
        guard now != unlisted else { return }
        for symbol in now.union(unlisted) {
            Gauge(label: MetricName.unknownSymbol, dimensions: [("symbol", symbol)])
                .record(now.contains(symbol) ? 1 : 0)
        }
        unlisted = now
    }
}
