public import Microstructure

/// Cash and inventory of one symbol, exact to the last digit.
///
/// Money is counted in billionths of (price unit · quantity unit), so a fee in parts of a billion is a whole number.
/// Only funding is ever rounded, and it is rounded up.
public struct Account: Sendable, Equatable {
    public private(set) var cash: Int128
    /// Base asset held, in quantity units; negative for a short position.
    public private(set) var inventory: Int64 = 0
    public private(set) var fees = Int128(0)
    public private(set) var slippage = Int128(0)
    public private(set) var funding = Int128(0)
    /// Amount of money units in 1 unit of the quote asset.
    public let unit: Double
    private let quantityExponent: Int8
    public let initial: Int128

    /// - Parameter capital: in the quote asset. It must fit; 1e12 fits at every scale of a real instrument.
    public init(capital: Double, instrument: Instrument) {
        let exponent = Int(instrument.priceExponent) + Int(instrument.quantityExponent) - 9
        var unit = 1.0
        for _ in 0..<abs(exponent) { unit *= 10 }
        self.unit = exponent < 0 ? unit : 1 / unit
        quantityExponent = instrument.quantityExponent
        initial = Int128((capital * self.unit).rounded())
        cash = initial
    }

    /// Books a fill: its price, its fee and its slippage, all in money. Returns the change in cash.
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

    /// Charges the holding cost of `value` of capital over the time, rounded up, and returns it. Precise to a `Double`.
    public mutating func charge(_ value: Int128, ratePerDay: Rate, nanoseconds: Int64) -> Int128 {
        guard ratePerDay.parts > 0, nanoseconds > 0 else { return 0 }
        let cost = Int128((Double(rounding: value) * ratePerDay.share * (Double(nanoseconds) / 86_400e9)).rounded(.up))
        cash -= cost
        funding += cost
        return cost
    }

    /// Cash plus the inventory's value at the quote, in money.
    public func equity(bid: Price, ask: Price) -> Int128 {
        let price = inventory >= 0 ? bid : ask
        return cash + Int128(inventory) * Int128(price.mantissa) * Int128(Rate.one)
    }

    /// Converts quantity units to the base asset.
    func goods(_ quantity: Int64) -> Double { Decimal10.value(quantity, exponent: quantityExponent) }

    /// Converts money to the quote asset.
    public func value(_ money: Int128) -> Double { Double(rounding: money) / unit }
}

/// Result of a fill, in money.
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
