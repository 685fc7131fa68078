import Runtime
import ArgumentParser
import Foundation

/// `microlab verify`: is the rebuilt book the exchange's own?
package struct VerifyCommand: AsyncParsableCommand {
    package static let configuration = CommandConfiguration(
        commandName: "verify",
        abstract: "Rebuilds the book of a recording and compares it with the exchange's own best bid and ask.",
        discussion: """
            Reads what `import --format binance-raw` reads, in the same way. Wherever the recording holds a bookTicker \
            with the update id of a book update, best prices and sizes must agree. Exit code 1 where a file cannot be \
            read to its end, or is of a futures market, or a book has holes, or a frame is refused, or fewer than \
            99.9 % agree; 74 where the answer cannot be written.
            """)

    @Argument(help: "Recordings: lines of `receive_ns JSON`, plain, .gz, .zst or .zip.") var captures: [String]

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
        try StandardOutput.show(
            "symbol      lines   books  applied   holes  refused   trades   compared      equal    share")
        for path in captures {
            let audit: CaptureAudit
            do {
                audit = try CaptureAudit(path: path, Lab.say)
            } catch {
                Lab.say("microlab: \(error)")
                isGood = false
                continue
            }
            for market in audit.markets { try StandardOutput.show(market.row) }
            for line in audit.report.remarkLines { try StandardOutput.show("  \(line)") }
            isGood = isGood && audit.isGood
        }
        guard isGood else { throw ExitCode(1) }
    }
}
