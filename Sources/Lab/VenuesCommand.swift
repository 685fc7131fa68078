import ArgumentParser
import Runtime
import Venues

/// `microlab venues`: what `ingest --venue` connects to.
package struct VenuesCommand: ParsableCommand {
    package static let configuration = CommandConfiguration(
        commandName: "venues",
        abstract: "Shows the venues that ingest connects to, as a Markdown table: books, losses, trades, limits.",
        discussion: "The table is made of what the adapters say of themselves. Exit code: 0; 74 it cannot be written.")

    package init() {}

    package func run() throws {
        do {
            try StandardOutput.show(VenueTable.markdown())
        } catch {
            throw Lab.failure(error)
        }
    }
}

/// A row an endpoint, from its adapter's own values.
enum VenueTable {
    private static let head = [
        "`--venue`", "a book begins", "a missing message is found by", "missing trades", "best prices", "keep-alive",
        "symbols", "connection", "requests a minute", "key",
    ]

    static func markdown() throws -> String {
        var lines = [row(head), row(head.map { _ in "---" })]
        for endpoint in VenueCatalog.endpoints {
            let support = try VenueSupport.of(endpoint)
            lines.append(
                row([
                    "`\(endpoint.name)`", support.snapshots.rawValue,
                    endpoint.lossShows.isEmpty ? "nothing" : endpoint.lossShows, support.missingTrades.rawValue,
                    endpoint.quoteChannel.isEmpty ? "none" : endpoint.quoteChannel,
                    support.keepAliveSeconds.map { "a message every \($0) s" } ?? "pings",
                    "\(endpoint.limits.symbols)", "\(Int(endpoint.limits.connectionSeconds) / 3_600) h",
                    "\(endpoint.limits.requestWeight)", endpoint.needsKey ? "needed" : "none",
                ]))
        }
        return lines.joined(separator: "\n")
    }

    private static func row(_ cells: [String]) -> String { "| \(cells.joined(separator: " | ")) |" }
}
