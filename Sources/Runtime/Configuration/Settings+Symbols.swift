import Microstructure

extension Settings {
    /// A list of symbols, each of which stands once, spelt as on the bus.
    package mutating func symbols(
        _ name: String, _ commandLine: String?, default fallback: [String]
    ) throws(ConfigurationError) -> [String] {
        var names: [String] = []
        for text in try list(name, commandLine, default: fallback) {
            guard let symbol = SymbolName.normalized(text) else {
                throw ConfigurationError(
                    setting: Self.optionName(name), problem: "'\(text)' is no symbol: one \(SymbolName.rule)")
            }
            guard !names.contains(symbol) else {
                throw ConfigurationError(setting: Self.optionName(name), problem: "'\(symbol)' stands twice")
            }
            names.append(symbol)
        }
        return names
    }
}
