import ArgumentParser
import Foundation
import Tape

/// The options of the commands that compute a file from tapes.
package struct TapesOptions: ParsableArguments {
    @Argument(help: "Tapes, or folders of segments; each begins without state.") var tapes: [String]
    @Option(help: "Symbols to take, comma-separated (default: all).") var symbols: SymbolList?
    @Option(help: "The file to write; - is standard output.") var out = "-"
    @Flag(help: "Replace files that exist.") var force = false
    @Flag(help: "Show progress also where standard error is no terminal.") var progress = false

    package init() {}

    /// The files of all tapes, which are never replaced. Throws if one is given twice or cannot be opened.
    func sources() throws -> [String] {
        let sources = try tapes.flatMap { try TapeReader(path: $0).segments.map(\.path) }
        var seen: Set<String> = []
        for source in sources where !seen.insert(URL(filePath: source).resolvingSymlinksInPath().path).inserted {
            throw ValidationError("\(source) is given twice: what is on it would count twice")
        }
        return sources
    }

    /// Shows how many bytes of the tapes have been read.
    func progressBar(_ sources: [String]) -> ProgressBar {
        ProgressBar(total: sources.reduce(0) { $0 + Lab.fileSize($1) }, always: progress)
    }

    /// ` of BTCUSDT, ETHUSDT` where not all symbols are asked for.
    var wanted: String { symbols.names.isEmpty ? "" : " of \(symbols.names.sorted().joined(separator: ", "))" }
}
