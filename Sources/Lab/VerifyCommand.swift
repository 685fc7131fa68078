import Runtime
import ArgumentParser
import Foundation

/// `microlab verify`: is the rebuilt book the exchange's own?
package struct VerifyCommand: AsyncParsableCommand {
    package static let configuration = CommandConfiguration(
        commandName: "verify",
        abstract: "Rebuilds the book of a recording and compares it with the exchange's own best bid and ask.",
        discussion: """
            Wherever the recording holds a bookTicker with the update id of a book update, best prices and sizes must \
            agree. Exit code 1 where a file cannot be read to its end, or a book has holes, or a frame is refused, or \
            fewer than 99.9 % agree; 74 where the answer cannot be written.
            """)

    @Argument(help: "Recordings: lines of `receive_ns JSON`, plain, .gz or .zst.") var captures: [String]

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
                audit = try CaptureAudit(path: path)
            } catch {
                Lab.say("microlab: \(error)")
                isGood = false
                continue
            }
            try StandardOutput.show(audit.row)
            isGood = isGood && audit.isGood
        }
        guard isGood else { throw ExitCode(1) }
    }
}
