/// The bid and the ask of one rank, and the order flow between two states of them: e = ΔQᵇ − ΔQᵃ, which measures the
/// pressure on the price.
///
/// e = Qᵇₙ·1{Pᵇₙ≥Pᵇₙ₋₁} − Qᵇₙ₋₁·1{Pᵇₙ≤Pᵇₙ₋₁} − Qᵃₙ·1{Pᵃₙ≤Pᵃₙ₋₁} + Qᵃₙ₋₁·1{Pᵃₙ≥Pᵃₙ₋₁}, in quantity units, exact.
/// Positive if bids grow or improve, or asks shrink or retreat.
/// Source: Cont, Kukanov, Stoikov (2014), Journal of Financial Econometrics 12, eq. 2; arXiv 1011.6402.
struct BidAsk: Sendable {
    let bid: PriceLevel
    let ask: PriceLevel

    /// Pᵇ + Pᵃ, twice the mid, in price units.
    var doubleMid: Int128 { Int128(bid.price.mantissa) + Int128(ask.price.mantissa) }

    /// e from `previous` to this state of the level. O(1).
    func orderFlow(since previous: BidAsk) -> Int128 {
        var flow: Int128 = 0
        if bid.price >= previous.bid.price { flow += Int128(bid.quantity.mantissa) }
        if bid.price <= previous.bid.price { flow -= Int128(previous.bid.quantity.mantissa) }
        if ask.price <= previous.ask.price { flow -= Int128(ask.quantity.mantissa) }
        if ask.price >= previous.ask.price { flow += Int128(previous.ask.quantity.mantissa) }
        return flow
    }
}
