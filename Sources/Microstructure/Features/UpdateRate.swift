/// How fast the venue changes its book: `update_rate_w` = (id(t) − id(t−w))/w, where id is the latest update id of the
/// epoch's quotes and books. Per second, ≥ 0.
///
/// Requires that quotes and books share one numbering, as Binance's do; otherwise the faster of the two is counted. A venue
/// that numbers its changes counts even those that no message shows: orders that are placed and cancelled within
/// one depth interval. An id below the latest is ignored, since a book may be older than a quote that came before it;
/// once the latest is five seconds old, lower ids are a new beginning, as a new epoch is. NaN until the first id since
/// then is w old. Exact, amortised O(windows).
struct UpdateRate: Measure {
    let columns: [Column]
    private let seconds: [Int]
    private let widths: [Int64]
    /// The steps from one id to the next.
    private var windows: SlidingWindows<ExactSum>
    private var latest: Int64?
    private var latestTime = Timestamp(nanoseconds: .min)
    /// When the first id was seen.
    private var start = Timestamp(nanoseconds: .min)

    /// Steps that left a window early because it was full.
    var earlyExpiries: UInt64 { windows.earlyExpiries }

    init(_ parameters: FeatureParameters) {
        columns = parameters.windowColumns("update_rate", source: .book, unit: .perSecond) {
            "the rate of the venue's book changes over \($0)"
        }
        seconds = parameters.windowSeconds
        widths = parameters.windowWidths
        windows = SlidingWindows(widths: widths, limit: parameters.tradeLimit)
    }

    mutating func process(_ quote: Quote, _ market: borrowing MarketState) { process(quote.updateID, at: market.now) }

    mutating func processBook(_ market: borrowing MarketState) { process(market.updateID, at: market.now) }

    mutating func startEpoch() {
        latest = nil
        windows.removeAll()
    }

    mutating func write(_ market: borrowing MarketState, into row: inout FeatureRow) {
        windows.advance(to: market.now)
        let age = latest == nil ? -1 : market.now.nanoseconds(since: start)
        for window in seconds.indices {
            row.put(
                book: age >= widths[window] ? Double(rounding: windows[window].value) / Double(seconds[window]) : .nan)
        }
    }

    private mutating func process(_ id: Int64, at now: Timestamp) {
        if let latest, id < latest {
            guard now.nanoseconds(since: latestTime) >= BestPrices.silenceLimitNanoseconds else { return }
            startEpoch()
        }
        latestTime = now
        guard let latest else { return (latest, start) = (id, now) }
        guard id > latest else { return }
        windows.append(Int128(id) - Int128(latest), at: now)
        self.latest = id
    }
}
