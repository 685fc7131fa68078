import Microstructure

extension TradeHistory {
    /// The newest trades, the newest first.
    func newest(_ count: Int) -> [Trade] {
        (max(0, records.count - count)..<records.count).reversed().map { records[$0].trade }
    }

    /// The trades from the id `first` on, oldest first, and whether more follow.
    func from(_ first: Int64, limit: Int) -> (trades: [Trade], hasMore: Bool) {
        let start = firstOffset { $0.trade.id >= first }
        let end = min(records.count, start + max(0, limit))
        return ((start..<end).map { records[$0].trade }, end < records.count)
    }
}

extension TradeHistory.Trade {
    var time: Timestamp { Timestamp(nanoseconds: milliseconds * 1_000_000) }

    /// Price and size in the units of the market's events; `nil` if they are no numbers of that listing.
    func numbers(_ listing: Listing) -> (price: Price, quantity: Quantity)? {
        guard let price = DecimalText.parse(price, price.indices),
            let quantity = DecimalText.parse(quantity, quantity.indices)
        else { return nil }
        return (
            Price(price / listing.priceUnit.hundredMillionths),
            Quantity(quantity / listing.quantityUnit.hundredMillionths)
        )
    }
}

extension Listing {
    /// The market as an inverse one: each step of a size is a contract of one unit of the quote asset. The numbers of the
    /// market's events stay, their unit becomes one contract.
    var inContracts: Listing {
        var listing = self
        listing.stepSize = quantityUnit.step * 100_000_000
        return listing
    }
}
