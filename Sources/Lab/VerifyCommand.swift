import Runtime
import ArgumentParser
import Foundation

/// `microlab verify`: is the rebuilt book the exchange's own?
package struct VerifyCommand: AsyncParsableCommand {
    package static let configuration = CommandConfiguration(
        commandName: "verify",
        abstract: "Rebuilds the books of recordings and holds them against the venue's own checks.",
        discussion: """
            Reads recordings of any venue as `import` does, and tells the venue from their content. Every checksum and every id that shows whether a message is missing must hold; a venue that has neither \
            shows no checks. Of Binance's markets, best prices and sizes must also agree wherever the recording holds a \
            bookTicker with the update id of a book update. The recordings of one venue are read together, in the order of their times.

            Of single orders (CSV of `id,timestamp,exchange_timestamp,price,volume,action,direction`, with the trades between \
            them if given) the book by order is rebuilt: each event must have an outcome, the book must agree with its own \
            aggregate after each, and each trade must fill an order at the price where it rested.

            Exit code 1 where a file cannot be read to its end, or its venue is not known, or a book has holes or could never be built, \
            or a message is refused, or a check fails (Binance: fewer than 99.9 % of the quotes agree); 74 where the answer cannot be written.
            """)

    @Argument(help: "Recordings: lines of `receive_ns JSON` or `seconds: JSON`, plain, .gz, .zst or .zip.")
    var captures: [String]

    package init() {}

    package func run() async throws {
        do {
            try verify()
        } catch let error as OutputFile.Failure {
            throw Lab.failure(error)
        }
    }

    private func verify() throws {
        var isGood = true
        var recordings: [(venue: RecordedProtocol, paths: [String])] = []
        var orders: [String] = []
        var orderTrades: [String] = []
        for path in captures {
            do {
                switch try OrderRecording.Kind(path: path) {
                case .orders?:
                    orders.append(path)
                    continue
                case .trades?:
                    orderTrades.append(path)
                    continue
                case nil: break
                }
                guard let venue = try RecordedProtocol(path: path) else {
                    Lab.say("microlab: \(path): no message in it is of a venue that is known")
                    isGood = false
                    continue
                }
                if venue != .binance, let place = recordings.firstIndex(where: { $0.venue == venue }) {
                    recordings[place].paths.append(path)
                } else {
                    recordings.append((venue, [path]))
                }
            } catch {
                Lab.say("microlab: \(error)")
                isGood = false
            }
        }
        try StandardOutput.show(
            "symbol   messages   books  applied   holes  refused   trades     checks     passed    share")
        for (venue, paths) in recordings {
            try StandardOutput.show("\(paths.map(Self.name).joined(separator: ", ")): \(venue.rawValue)")
            do {
                let (rows, remarks, isWhole) = try audit(venue, paths)
                for row in rows { try StandardOutput.show(row) }
                for line in remarks { try StandardOutput.show("  \(line)") }
                isGood = isGood && isWhole
            } catch let error as OutputFile.Failure {
                throw error
            } catch {
                Lab.say("microlab: \(error)")
                isGood = false
            }
        }
        if orders.isEmpty, let path = orderTrades.first {
            Lab.say("microlab: \(path): trades between orders; give the recording of the orders with them")
            isGood = false
        }
        for path in orders {
            do {
                let audit = try OrderAudit(orders: path, trades: orderTrades, Lab.say)
                try StandardOutput.show(([path] + orderTrades).map(Self.name).joined(separator: ", ") + ": orders")
                try StandardOutput.show(audit.row)
                for line in audit.lines + audit.report.remarkLines { try StandardOutput.show("  \(line)") }
                isGood = isGood && audit.isGood
            } catch let error as OutputFile.Failure {
                throw error
            } catch {
                Lab.say("microlab: \(error)")
                isGood = false
            }
        }
        guard isGood else { throw ExitCode(1) }
    }

    private static func name(_ path: String) -> String { URL(filePath: path).lastPathComponent }

    private func audit(
        _ venue: RecordedProtocol, _ paths: [String]
    ) throws -> (rows: [String], remarks: [String], isGood: Bool) {
        if let audit = try venue.run(StreamAuditTask(paths: paths, write: Lab.say), depth: 1) {
            return (audit.markets.map(\.row), audit.report.remarkLines + audit.report.summary, audit.isGood)
        }
        let audit = try CaptureAudit(paths: paths, venue: venue.binanceVenue ?? .binance, Lab.say)
        return (audit.markets.map(\.row), audit.report.remarkLines, audit.isGood)
    }
}
