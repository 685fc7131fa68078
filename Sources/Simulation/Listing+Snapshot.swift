extension Listing {
    /// What the exchange's list would say of `symbol`, as far as a recorded REST snapshot shows it: its steps are the
    /// greatest common divisors of its prices and of its sizes. `nil` where `snapshot` is none.
    public init?(symbol: String, snapshot: [UInt8]) {
        guard let steps = CaptureBook(snapshot: snapshot)?.steps else { return nil }
        let assets = Self.assets(of: symbol)
        self.init(
            symbol: symbol, baseAsset: assets.base, quoteAsset: assets.quote, tickSize: steps.tick,
            stepSize: steps.step)
    }
}
