import Foundation

/// One of the project's programs, or another, as a real process.
package final class Program: @unchecked Sendable {
    package let name: String
    private let process = Process()
    private let log: URL
    private let output: URL

    /// Starts `name` from the build folder, or from MICROSTRUCTURE_BIN: another build, such as an optimised one.
    package init(
        _ name: String, _ arguments: [String], in folder: URL, tag: String = "", executable: URL? = nil,
        environment: [String: String] = [:]
    ) throws {
        self.name = name + tag
        log = folder.appending(path: "\(self.name).log")
        output = folder.appending(path: "\(self.name).out")
        for file in [log, output] { _ = FileManager.default.createFile(atPath: file.path, contents: nil) }
        process.executableURL = executable ?? Self.executable(name)
        process.environment = ProcessInfo.processInfo.environment.merging(environment) { $1 }
        process.arguments = arguments
        process.standardError = try FileHandle(forWritingTo: log)
        process.standardOutput = try FileHandle(forWritingTo: output)
        try process.run()
    }

    package static func executable(_ name: String) -> URL {
        // The test bundle lies beside the programs.
        let other = ProcessInfo.processInfo.environment["MICROSTRUCTURE_BIN"].map { URL(filePath: $0) }
        let products = other ?? URL(filePath: CommandLine.arguments[0]).deletingLastPathComponent()
        return products.appending(path: name)
    }

    deinit { if process.isRunning { kill(process.processIdentifier, SIGKILL) } }

    package var isRunning: Bool { process.isRunning }
    package var identifier: Int32 { process.processIdentifier }
    package var logText: String { (try? String(contentsOf: log, encoding: .utf8)) ?? "" }
    package var outputText: String { (try? String(contentsOf: output, encoding: .utf8)) ?? "" }

    package func signal(_ number: Int32) { kill(process.processIdentifier, number) }

    /// The exit code once it has ended; `nil` if it has not within `seconds`, which a busy machine may need.
    package func exitCode(within seconds: Double = 60) async -> Int32? {
        let hasEnded = await eventually(within: seconds) { !process.isRunning }
        return hasEnded ? process.terminationStatus : nil
    }

    package static func run(_ executable: String, _ arguments: [String], input: String = "") throws -> (Int32, String) {
        let process = Process()
        process.executableURL = URL(filePath: "/usr/bin/env")
        process.arguments = [executable] + arguments
        let (incoming, outgoing) = (Pipe(), Pipe())
        process.standardInput = incoming
        process.standardOutput = outgoing
        process.standardError = outgoing
        try process.run()
        // A program that has already ended reads nothing: its exit code tells of it.
        try? incoming.fileHandleForWriting.write(contentsOf: Data(input.utf8))
        try incoming.fileHandleForWriting.close()
        let text = String(decoding: outgoing.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
        process.waitUntilExit()
        return (process.terminationStatus, text)
    }
}
