import Microstructure

extension Settings {
    /// A list of symbols, each of which stands once, spelt as on the bus.
    package mutating func symbols(
        _ name: String, _ commandLine: String?, default fallback: [String]
    ) throws(ConfigurationError) -> [String] {
        var names: [String] = []
        for text in try list(name, commandLine, default: fallback) {
            let symbol = try Self.symbol(text, setting: Self.optionName(name))
            guard !names.contains(symbol) else {
                throw ConfigurationError(setting: Self.optionName(name), problem: "'\(symbol)' stands twice")
            }
            names.append(symbol)
        }
        return names
    }

    /// A symbol as on the bus.
    package static func symbol(_ text: String, setting: String) throws(ConfigurationError) -> String {
        guard let symbol = SymbolName.normalized(text) else {
            throw ConfigurationError(setting: setting, problem: "'\(text)' is no symbol: one \(SymbolName.rule)")
        }
        return symbol
    }
}
