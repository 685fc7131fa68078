public import Microstructure

/// Money and goods of one symbol, to the last digit.
///
/// Money is counted in billionths of (price unit · quantity unit): a fee in parts of a billion is then a whole number, and
/// nothing is ever rounded but funding, up.
public struct Account: Sendable, Equatable {
    public private(set) var cash: Int128
    /// Goods held; negative: owed.
    public private(set) var inventory: Int64 = 0
    public private(set) var fees = Int128(0)
    public private(set) var slippage = Int128(0)
    public private(set) var funding = Int128(0)
    /// Money of 1 in the quote asset.
    public let unit: Double
    private let quantityExponent: Int8
    public let initial: Int128

    /// - Parameter capital: in the quote asset; must fit, which 1e12 does at every scale of a real instrument.
    public init(capital: Double, instrument: Instrument) {
        let exponent = Int(instrument.priceExponent) + Int(instrument.quantityExponent) - 9
        var unit = 1.0
        for _ in 0..<abs(exponent) { unit *= 10 }
        self.unit = exponent < 0 ? unit : 1 / unit
        quantityExponent = instrument.quantityExponent
        initial = Int128((capital * self.unit).rounded())
        cash = initial
    }

    /// Books a fill: its price, the fee, and slippage, all in money. Returns what it changed the cash by.
    @discardableResult
    public mutating func settle(_ fill: Fill, side: Side, fee: Rate, slippage rate: Rate) -> Settlement {
        let value = fill.notional * Int128(Rate.one)
        let settlement = Settlement(
            value: value, fee: fill.notional * Int128(fee.parts), slippage: fill.notional * Int128(rate.parts))
        cash -= side == .long ? value : -value
        cash -= settlement.fee + settlement.slippage
        fees += settlement.fee
        slippage += settlement.slippage
        inventory += side.sign * fill.quantity
        return settlement
    }

    /// Charges what `value` of capital costs for a time, rounded up; returns it. To the precision of a `Double`.
    public mutating func charge(_ value: Int128, ratePerDay: Rate, nanoseconds: Int64) -> Int128 {
        guard ratePerDay.parts > 0, nanoseconds > 0 else { return 0 }
        let cost = Int128((Double(rounding: value) * ratePerDay.share * (Double(nanoseconds) / 86_400e9)).rounded(.up))
        cash -= cost
        funding += cost
        return cost
    }

    /// Cash and what the goods would bring at the quote, in money.
    public func equity(bid: Price, ask: Price) -> Int128 {
        let price = inventory >= 0 ? bid : ask
        return cash + Int128(inventory) * Int128(price.mantissa) * Int128(Rate.one)
    }

    /// Quantity units in the base asset.
    func goods(_ quantity: Int64) -> Double { Decimal10.value(quantity, exponent: quantityExponent) }

    /// Money in the quote asset.
    public func value(_ money: Int128) -> Double { Double(rounding: money) / unit }
}

/// What a fill came to, in money.
public struct Settlement: Sendable, Equatable {
    public var value = Int128(0)
    public var fee = Int128(0)
    public var slippage = Int128(0)

    public init(value: Int128 = 0, fee: Int128 = 0, slippage: Int128 = 0) {
        self.value = value
        self.fee = fee
        self.slippage = slippage
    }

    static func += (left: inout Settlement, right: Settlement) {
        left.value += right.value
        left.fee += right.fee
        left.slippage += right.slippage
    }
}
