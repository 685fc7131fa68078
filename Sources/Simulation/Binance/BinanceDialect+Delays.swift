extension BinanceDialect {
    /// The delays of Binance's spot streams. Measured on the recordings of 2024-08-08 (`SyntheticFacts`): a trade's `E`
    /// is 1 ms after its `T`, or up to 214 ms in bursts; the quote that contains a trade comes 0.6 ms before it (median;
    /// from 0.6 ms after to 1.3 ms before in nine of ten quiet cases); a depth update comes after the quotes that it
    /// covers.
    public static func delays(_ name: ArrivalDelays.Name) -> ArrivalDelays {
        guard name == .measured else { return .none }
        var delays = ArrivalDelays()
        delays.quote = 100_000...1_600_000
        delays.depth = 300_000...1_500_000
        delays.trade = 800_000...1_300_000
        delays.tradeMessage = 0...600_000
        delays.tradeGap = 25_000
        delays.pauseChance = 0.05
        delays.meanPause = 50_000_000
        delays.longestTrade = 214_000_000
        return delays
    }
}
