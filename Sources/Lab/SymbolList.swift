import ArgumentParser
import Microstructure

/// Symbols on the command line, comma-separated, in any spelling that `SymbolName` knows.
package struct SymbolList: ExpressibleByArgument, Sendable {
    let names: [String]

    package init?(argument: String) {
        var names: [String] = []
        for part in argument.split(separator: ",") {
            let text = part.drop { $0 == " " }.prefix { $0 != " " }
            guard let name = SymbolName.normalized(text.utf8) else { return nil }
            names.append(name)
        }
        self.names = names
    }
}

extension SymbolList? {
    /// Empty takes all.
    var names: Set<String> { Set(self?.names ?? []) }
}
