extension Listing {
    /// The listing of `symbol`, inferred from a recorded Binance REST snapshot: the steps are the greatest common
    /// divisors of the snapshot's prices and sizes. `nil` if `snapshot` cannot be read.
    public init?(symbol: String, snapshot: [UInt8]) {
        guard let steps = BinanceCaptureBook(snapshot: snapshot)?.steps else { return nil }
        let assets = Self.assets(of: symbol)
        self.init(
            symbol: symbol, baseAsset: assets.base, quoteAsset: assets.quote, tickSize: steps.tick,
            stepSize: steps.step)
    }

    /// `tickSize` with eight decimals, e.g. `0.01000000`.
    public var tickSizeText: String { String(decoding: DecimalText.text(tickSize), as: UTF8.self) }

    /// `stepSize` with eight decimals.
    public var stepSizeText: String { String(decoding: DecimalText.text(stepSize), as: UTF8.self) }
}
