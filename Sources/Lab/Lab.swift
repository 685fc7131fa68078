import Runtime
import ArgumentParser
import Detection
import Foundation
import Wire

/// What the commands of `microlab` share.
enum Lab {
    static func say(_ line: String) { StandardError.say(line) }

    /// The detector profile of that name or file.
    static func profile(_ name: String) throws(ConfigurationError) -> Profile {
        do {
            return try ProfileFile.load(name)
        } catch {
            throw ConfigurationError(setting: "profile", problem: error.problem)
        }
    }

    static func fileSize(_ path: String) -> Int {
        ((try? FileManager.default.attributesOfItem(atPath: path))?[.size] as? Int) ?? 0
    }

    /// Prints the error and returns its exit code. Exit codes and validation errors are returned unchanged.
    static func failure(_ error: any Error) -> any Error {
        if error is ExitCode || error is ValidationError { return error }
        if error is ConfigurationError {
            say("microlab: \(error)")
            return ExitCode(78)
        }
        if error is CancellationError {
            say("microlab: interrupted")
            return ExitCode(130)
        }
        let error: any Error =
            switch error {
            case let error as TapeError: ImportError(error)
            case let error as OutputFile.Failure:
                ImportError(error.isCreation ? .cannotCreate : .inputOutput, "\(error)")
            default: error
            }
        say("microlab: \(error)")
        return ExitCode((error as? ImportError)?.kind.rawValue ?? ImportError.Kind.inputOutput.rawValue)
    }

    /// Prints a tape's unusable parts: problems, and refused records by kind. Returns whether no data was lost.
    static func saysWhole(_ problems: [TapeProblem], refused: [String: UInt64]) -> Bool {
        for problem in problems { say("! \(problem)") }
        for (kind, count) in refused.sorted(by: { $0.key < $1.key }) { say("! \(count) records: \(kind)") }
        return refused.isEmpty && problems.allSatisfy { !$0.isLoss }
    }

    /// Says what is wrong with a tape. Exit code 1 where it is damaged.
    static func report(_ problems: [TapeProblem], refused: Int) throws {
        for problem in problems { say("\(problem)") }
        if refused > 0 { say("\(refused) records are no messages of the bus") }
        guard !problems.contains(where: \.isDamage), refused == 0 else { throw ExitCode(1) }
    }
}
