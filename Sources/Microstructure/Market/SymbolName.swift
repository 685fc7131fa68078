/// The spelling of symbols on the bus: upper case without separators, `BTCUSDT`.
public enum SymbolName {
    /// Most letters and digits; as in the gateway's schema `Symbol`.
    public static let lengthLimit = 32
    public static let rule = "needs 1 to \(lengthLimit) letters and digits, e.g. BTCUSDT or BTC/USDT"

    /// `APPC/BTC`, `appc-btc` and `APPC_BTC` become `APPCBTC`; `nil` if the result is not a valid symbol.
    public static func normalized(_ text: some Collection<UInt8>) -> String? {
        var name: [UInt8] = []
        for byte in text {
            switch byte {
            case UInt8(ascii: "/"), UInt8(ascii: "-"), UInt8(ascii: "_"): continue
            case UInt8(ascii: "a")...UInt8(ascii: "z"): name.append(byte - 32)
            case UInt8(ascii: "A")...UInt8(ascii: "Z"), UInt8(ascii: "0")...UInt8(ascii: "9"): name.append(byte)
            default: return nil
            }
        }
        return (1...lengthLimit).contains(name.count) ? String(decoding: name, as: UTF8.self) : nil
    }

    public static func normalized(_ text: String) -> String? { normalized(text.utf8) }
}
