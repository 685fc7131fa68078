import Wire
import Foundation

/// Cuts and cleans text for the services' limits.
enum MessageText {
    /// Removes control and direction characters: hostile text must not control a terminal or reorder its line.
    ///
    /// - Parameter limit: characters beyond this number are dropped before they cost time.
    static func printable(_ text: String, limit: Int = .max) -> String {
        let harmless = text.unicodeScalars.lazy.filter { scalar in
            scalar.value >= 32 && !(127...159).contains(scalar.value)
                && !(0x202A...0x202E).contains(scalar.value) && !(0x2066...0x2069).contains(scalar.value)
                && scalar.value != 0x2028 && scalar.value != 0x2029
        }
        return String(String.UnicodeScalarView(harmless.prefix(limit)))
    }

    /// `text` made printable and, after `escape`, at most `limit` UTF-16 units long, which is at least as strict as
    /// counting characters. Cut text ends in "…"; no character or escape is split.
    static func fit(_ text: String, _ limit: Int, escape: (Character) -> String = { String($0) }) -> String {
        // One scalar more than can fit shows that something was cut.
        let clean = printable(text, limit: limit + 1)
        let whole = clean.reduce(into: "") { $0 += escape($1) }
        guard whole.utf16.count > limit else { return whole }
        var cut = ""
        var count = 0
        for character in clean {
            let next = escape(character)
            guard count + next.utf16.count + 1 <= limit else { break }
            cut += next
            count += next.utf16.count
        }
        return cut + "…"
    }

    /// As many lines as fit into `limit` UTF-16 units, then a line with the number of omitted lines.
    static func lines(_ lines: [String], limit: Int, more: (Int) -> String) -> String {
        var text = ""
        for (index, line) in lines.enumerated() {
            let rest = lines.count - index
            let reserve = rest == 1 ? 0 : more(rest).utf16.count + 1
            let separator = text.isEmpty ? 0 : 1
            guard text.utf16.count + separator + line.utf16.count + reserve <= limit else {
                return text + (text.isEmpty ? "" : "\n") + more(rest)
            }
            text += (text.isEmpty ? "" : "\n") + line
        }
        return text
    }

    /// A part of a link: everything but unreserved characters is percent-encoded. Source: RFC 3986, 2.3.
    static func linkComponent(_ text: String) -> String {
        text.utf8.map { byte in
            switch byte {
            case 0x30...0x39, 0x41...0x5A, 0x61...0x7A, 0x2D, 0x2E, 0x5F, 0x7E: String(UnicodeScalar(byte))
            default: String(format: "%%%02X", byte)
            }
        }.joined()
    }
}

/// Links to the gateway's dashboard with the explanation of a signal open.
struct SignalLinks: Sendable {
    /// E.g. `http://127.0.0.1:8000`; `nil` writes no links.
    let base: String?

    func link(to signal: SignalDocument) -> String? {
        // Services refuse addresses beyond about 2,000 bytes.
        guard let base, Self.length(of: signal) <= 200 else { return nil }
        let (symbol, id) = (MessageText.linkComponent(signal.symbol), MessageText.linkComponent(signal.id))
        let venue = signal.venue.map { "&venue=\(MessageText.linkComponent($0))" } ?? ""
        return "\(base)/?symbol=\(symbol)\(venue)&signal=\(id)"
    }

    private static func length(of signal: SignalDocument) -> Int {
        signal.id.utf8.count + signal.symbol.utf8.count + (signal.venue?.utf8.count ?? 0)
    }
}
