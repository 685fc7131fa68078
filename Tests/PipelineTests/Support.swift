import Foundation
import Synchronization
import Testing
import Transport

@testable import Pipeline

/// Waits until `condition` holds; `false` when it does not within `seconds`. The only place that pauses.
func eventually(within seconds: Double = 20, _ condition: () async throws -> Bool) async rethrows -> Bool {
    let end = Clock.monotonicNanoseconds + Int64(seconds * 1e9)
    while Clock.monotonicNanoseconds < end {
        if try await condition() { return true }
        try? await Task.sleep(for: .milliseconds(20))  // house-rule: the pause between two looks at a condition
    }
    return try await condition()
}

enum TestFiles {
    static let root = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        .deletingLastPathComponent()
    /// The recordings; absent on machines that do not have them.
    static let data = URL(
        filePath: ProcessInfo.processInfo.environment["MICROSTRUCTURE_DATA"]
            ?? root.appending(path: "../shared/data").standardizedFileURL.path)
    static let captures = ["btcusdt_20240808.gz", "ethusdt_20240808.gz"].map {
        data.appending(path: "binance-spot-2024-08-08/\($0)").path
    }
    static var hasCaptures: Bool { captures.allSatisfy { FileManager.default.fileExists(atPath: $0) } }

    static func temporaryFolder() throws -> URL {
        let folder = FileManager.default.temporaryDirectory.appending(path: "ms-\(UUID().uuidString.prefix(8))")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        return folder
    }
}

/// A port that is free, and stays so until its server has it: it lies below the range from which the system gives outgoing
/// connections their ports, where a client that keeps trying to reach a server not yet up may be given that server's own.
func freePort() -> Int {
    while true {
        let port = nextPort.withLock { next in
            next = next < 31_999 ? next + 1 : 20_000
            return next
        }
        if isFree(port: port) { return port }
    }
}

/// Two test processes at once start at different places.
private let nextPort = Mutex(20_000 + Int(getpid()) * 97 % 12_000)

private func isFree(port: Int) -> Bool {
    let socket = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
    defer { close(socket) }
    var address = sockaddr_in()
    address.sin_family = sa_family_t(AF_INET)
    address.sin_port = UInt16(port).bigEndian
    return withUnsafePointer(to: &address) { pointer in
        pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
            bind(socket, $0, socklen_t(MemoryLayout<sockaddr_in>.size)) == 0
        }
    }
}

/// One of the project's programs, or another, as a real process.
final class Program: @unchecked Sendable {
    let name: String
    private let process = Process()
    private let log: URL
    private let output: URL

    /// Starts `name` from the build folder, or from MICROSTRUCTURE_BIN: another build, such as an optimised one.
    init(
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

    static func executable(_ name: String) -> URL {
        // The test bundle lies beside the programs.
        let other = ProcessInfo.processInfo.environment["MICROSTRUCTURE_BIN"].map { URL(filePath: $0) }
        let products = other ?? URL(filePath: CommandLine.arguments[0]).deletingLastPathComponent()
        return products.appending(path: name)
    }

    deinit { if process.isRunning { kill(process.processIdentifier, SIGKILL) } }

    var isRunning: Bool { process.isRunning }
    var identifier: Int32 { process.processIdentifier }
    var logText: String { (try? String(contentsOf: log, encoding: .utf8)) ?? "" }
    var outputText: String { (try? String(contentsOf: output, encoding: .utf8)) ?? "" }

    func signal(_ number: Int32) { kill(process.processIdentifier, number) }

    /// The exit code once it has ended; `nil` if it has not within `seconds`.
    func exitCode(within seconds: Double) async -> Int32? {
        let hasEnded = await eventually(within: seconds) { !process.isRunning }
        return hasEnded ? process.terminationStatus : nil
    }

    static func run(_ executable: String, _ arguments: [String], input: String = "") throws -> (Int32, String) {
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

/// The pages of the processes.
enum Web {
    static func get(_ url: String) async -> (status: Int, body: String)? {
        guard let client = try? HTTPClient() else { return nil }
        defer { client.shutdown() }
        guard let response = try? await client.send(HTTPRequest(url: url)) else { return nil }
        return (response.status, String(decoding: response.body, as: UTF8.self))
    }

    /// The sum of a metric over its series that carry `label`.
    static func metric(_ name: String, port: Int, label: String = "") async -> Double? {
        guard let page = await get("http://127.0.0.1:\(port)/metrics")?.body else { return nil }
        let values = page.split(separator: "\n")
            .filter { ($0.hasPrefix(name + "{") || $0.hasPrefix(name + " ")) && (label.isEmpty || $0.contains(label)) }
            .compactMap { $0.split(separator: " ").last.flatMap { Double($0) } }
        return values.isEmpty ? nil : values.reduce(0, +)
    }
}
