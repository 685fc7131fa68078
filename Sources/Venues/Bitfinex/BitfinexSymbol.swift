import Microstructure

/// A pair in the venue's spelling: `tBTCUSD`, `tETH2X:ETH`, `tBTCF0:USTF0`.
struct BitfinexSymbol: Sendable, Hashable {
    /// As the rest of the world names them.
    let baseAsset: String
    let quoteAsset: String
    /// Whether it is a perpetual contract, of which both names end in `F0`.
    let isPerpetual: Bool

    /// `nil` for a symbol that is no pair, e.g. of a loan market, `fUSD`.
    init?(_ venueSymbol: String) {
        guard venueSymbol.utf8.first == UInt8(ascii: "t") else { return nil }
        let pair = venueSymbol.dropFirst()
        let codes: [Substring]
        if pair.contains(":") {
            codes = pair.split(separator: ":", omittingEmptySubsequences: false)
        } else {
            // Without a colon both codes have three letters.
            guard pair.count == 6 else { return nil }
            codes = [pair.prefix(3), pair.suffix(3)]
        }
        guard codes.count == 2, codes.allSatisfy({ !$0.isEmpty }) else { return nil }
        let isPerpetual = codes.allSatisfy { $0.count > 2 && $0.hasSuffix("F0") }
        let names = codes.map { Self.currentName(of: String(isPerpetual ? $0.dropLast(2) : $0)) }
        (baseAsset, quoteAsset) = (names[0], names[1])
        self.isPerpetual = isPerpetual
    }

    /// `BTCUSD`, `BTCUSDTF0`.
    var name: String? { SymbolName.normalized(baseAsset + quoteAsset + (isPerpetual ? "F0" : "")) }

    var contract: Instrument.Contract? { isPerpetual ? Instrument.Contract(.perpetual) : nil }

    /// The venue's codes are shorter than the names of some assets. Source: its list `pub:map:currency:sym`, 2021; ccxt
    /// 4.5, 2026.
    private static func currentName(of code: String) -> String { names[code] ?? code }

    private static let names = [
        "ALG": "ALGO", "AMP": "AMPL", "ATO": "ATOM", "BCHABC": "XEC", "BCHN": "BCH", "DAT": "DATA", "DSH": "DASH",
        "EDO": "PNT", "EUS": "EURS", "EUT": "EURT", "GSD": "GUSD", "IDX": "ID", "IOS": "IOST", "IOT": "IOTA",
        "IQX": "IQ", "LUNA": "LUNC", "LUNA2": "LUNA", "MNA": "MANA", "OMN": "OMNI", "PAS": "PASS", "QSH": "QASH",
        "QTM": "QTUM", "RBT": "RBTC", "SNG": "SNGLS", "STJ": "STORJ", "TERRAUST": "USTC", "TSD": "TUSD",
        "UDC": "USDC", "UST": "USDT", "VSY": "VSYS", "WAX": "WAXP", "WBT": "WBTC", "XCH": "XCHF", "YYW": "YOYOW",
    ]
}
