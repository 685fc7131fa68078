import Microstructure

/// What the venue's name of an instrument says: `BTC-PERPETUAL` and `BTC-24SEP21` are paid in the coin,
/// `BTC_USDC-PERPETUAL` in USDC, `BTC_USDC` is a spot market, `BTC-24SEP21-8000-P` an option.
struct DeribitName {
    enum Kind: String {
        case spot, future, option
    }

    let kind: Kind
    /// Empty for an option: its price counts coins, its size contracts.
    let baseAsset: String
    let quoteAsset: String
    let contract: Instrument.Contract?

    init(_ name: String) {
        let parts = name.split(separator: "-")
        let assets = (parts.first ?? "").split(separator: "_").map(String.init)
        kind = parts.count < 2 ? .spot : parts.count == 2 ? .future : .option
        guard kind != .option, let base = assets.first else {
            (baseAsset, quoteAsset, contract) = ("", "", nil)
            return
        }
        baseAsset = base
        quoteAsset = assets.count > 1 ? assets[1] : "USD"
        contract =
            kind == .spot ? nil : Self.contract(isPerpetual: parts[1] == "PERPETUAL", isInverse: assets.count == 1)
    }

    /// Amounts count units of the quote asset where the contract is inverse, and of the base asset where it is not, never
    /// contracts: so each unit stands for one, whatever the venue's contract size.
    static func contract(isPerpetual: Bool, isInverse: Bool) -> Instrument.Contract {
        Instrument.Contract(isPerpetual ? .perpetual : .future, isInverse: isInverse)
    }

    /// The kind of a symbol in the spelling of the bus, where the separators are gone: `BTCPERPETUAL` and `BTC24SEP21`
    /// are futures, `BTC24SEP218000P` is an option.
    static func kind(_ symbol: String) -> Kind {
        let text = Array(symbol.utf8)
        if symbol.hasSuffix("PERPETUAL") || isDay(text[...]) { return .future }
        guard let last = text.last, last == UInt8(ascii: "C") || last == UInt8(ascii: "P") else { return .spot }
        // Behind the day stand the strike price's digits, with a D for the point.
        var end = text.count - 1
        while end > 0, isDigit(text[end - 1]) || text[end - 1] == UInt8(ascii: "D") {
            end -= 1
            if isDay(text[..<end]) { return .option }
        }
        return .spot
    }

    /// Whether the text ends in a day such as `24SEP21`.
    private static func isDay(_ text: ArraySlice<UInt8>) -> Bool {
        let end = Array(text.suffix(6))
        return end.count == 6 && isDigit(end[0]) && isDigit(end[4]) && isDigit(end[5])
            && end[1...3].allSatisfy { (UInt8(ascii: "A")...UInt8(ascii: "Z")).contains($0) }
    }

    private static func isDigit(_ byte: UInt8) -> Bool { (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte) }
}
