/// The spelling of symbols on the bus, in URLs and in file names: capital letters and digits without separators,
/// `BTCUSDT`. The letters may be of any script, since Binance lists symbols like `币安人生USDT`.
///
/// What could end a field of a topic, a path or a line is no letter: dots, bars, slashes, spaces, quotes, control and
/// invisible characters.
public enum SymbolName {
    /// Most letters and digits, counted as Unicode scalars; as in the gateway's schema `Symbol`.
    public static let lengthLimit = 32
    /// Most bytes of a symbol.
    public static let byteLimit = 4 * lengthLimit
    public static let rule = "needs 1 to \(lengthLimit) letters and digits, of any script, e.g. BTCUSDT or BTC/USDT"

    /// `APPC/BTC`, `appc-btc` and `APPC_BTC` become `APPCBTC`; `nil` if the result is not a valid symbol.
    public static func normalized(_ text: some Collection<UInt8>) -> String? {
        var name: [UInt8] = []
        for byte in text {
            switch byte {
            case UInt8(ascii: "/"), UInt8(ascii: "-"), UInt8(ascii: "_"): continue
            case UInt8(ascii: "a")...UInt8(ascii: "z"): name.append(byte - 32)
            case UInt8(ascii: "A")...UInt8(ascii: "Z"), UInt8(ascii: "0")...UInt8(ascii: "9"): name.append(byte)
            case 0x80...: return String(validating: text, as: UTF8.self).flatMap(normalizedScalars)
            default: return nil
            }
        }
        return (1...lengthLimit).contains(name.count) ? String(decoding: name, as: UTF8.self) : nil
    }

    public static func normalized(_ text: String) -> String? { normalized(text.utf8) }

    private static func normalizedScalars(_ text: String) -> String? {
        var name = String.UnicodeScalarView()
        var count = 0
        for scalar in text.unicodeScalars where !["/", "-", "_"].contains(scalar) {
            guard allows(scalar, atStart: count == 0) else { return nil }
            // A letter whose capital is several letters stays as it is.
            let capital = scalar.properties.uppercaseMapping.unicodeScalars
            name.append(capital.count == 1 ? capital[capital.startIndex] : scalar)
            count += 1
        }
        return (1...lengthLimit).contains(count) ? String(name) : nil
    }

    /// Whether a symbol may contain `scalar`: a letter, a number, or a mark, which belongs to the letter before it.
    public static func allows(_ scalar: Unicode.Scalar, atStart: Bool = false) -> Bool {
        let properties = scalar.properties
        switch properties.generalCategory {
        case .uppercaseLetter, .lowercaseLetter, .titlecaseLetter, .modifierLetter, .otherLetter, .decimalNumber,
            .letterNumber, .otherNumber:
            // Fillers are letters that show nothing.
            return !properties.isDefaultIgnorableCodePoint
        case .nonspacingMark, .spacingMark, .enclosingMark: return !atStart && !properties.isDefaultIgnorableCodePoint
        default: return false
        }
    }
}
