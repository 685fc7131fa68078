import Foundation
import Synchronization
import Testing

extension GatewayTests {
    /// The executable itself, where the build has put it beside the tests.
    @Suite struct ProcessTests {
        static let executable = URL(filePath: CommandLine.arguments[0]).deletingLastPathComponent()
            .appending(path: "api-gateway")
        static let isBuilt = FileManager.default.isExecutableFile(atPath: executable.path)

        /// A started process and what it has written to standard error.
        final class Running: Sendable {
            let process = Process()
            let log = Mutex("")
            private let folder = FileManager.default.temporaryDirectory.appending(
                path: "gateway-\(UUID().uuidString.prefix(8))")

            deinit { try? FileManager.default.removeItem(at: folder) }

            init(_ arguments: [String]) throws {
                process.executableURL = ProcessTests.executable
                process.arguments = arguments + ["--state-dir", folder.path]
                let pipe = Pipe()
                process.standardError = pipe
                process.standardOutput = FileHandle.nullDevice
                pipe.fileHandleForReading.readabilityHandler = { [weak self] handle in
                    let data = handle.availableData
                    if data.isEmpty { handle.readabilityHandler = nil }
                    self?.log.withLock { $0 += String(decoding: data, as: UTF8.self) }
                }
                try process.run()
            }

            var text: String { log.withLock { $0 } }

            /// Waits until it serves and returns the port; needs `--log-format json`.
            func port() -> Int? {
                var port: Int?
                _ = eventually {
                    for line in text.split(separator: "\n") where line.contains("\"listening\"") {
                        let fields = try? JSONDecoder().decode([String: String].self, from: Data(line.utf8))
                        port = fields?["port"].flatMap { Int($0) }
                    }
                    return port != nil
                }
                return port
            }
        }

        @Test(.enabled(if: isBuilt, "api-gateway is not built"))
        func sigtermWithOpenStreamsExitsZero() async throws {
            try await onThread {
                let running = try Running([
                    "--port", "0", "--metrics-port", "0", "--log-format", "json", "--connect-ticks", "none",
                    "--connect-features", "none", "--connect-replay", "none",
                ])
                defer { if running.process.isRunning { running.process.interrupt() } }
                let port = running.port()
                #expect(port != nil, "\(running.text)")
                let clients = try (0..<20).map { _ in try StreamClient(port: try #require(port)) }
                for client in clients { #expect(try client.opened()) }
                #expect(try post(try #require(port), PostTests.example).status == 202)
                for client in clients { #expect(try client.ids(1).count == 1) }
                running.process.terminate()
                #expect(eventually { !running.process.isRunning }, "\(running.text)")
                running.process.waitUntilExit()
                #expect(running.process.terminationReason == .exit)
                #expect(running.process.terminationStatus == 0, "\(running.text)")
                for client in clients { #expect(try client.connection.read { $0.isAtEnd }) }
            }
        }

        @Test(.enabled(if: isBuilt, "api-gateway is not built"))
        func aTakenPortIsOneClearError() async throws {
            try await onThread {
                let first = try Running(["--port", "0", "--metrics-port", "0", "--log-format", "json"])
                defer { first.process.terminate() }
                #expect(eventually { first.text.contains("\"listening\"") })
                let line = first.text.split(separator: "\n").first { $0.contains("\"listening\"") } ?? ""
                let fields = try JSONDecoder().decode([String: String].self, from: Data(line.utf8))
                let port = try #require(fields["port"])
                let second = try Running(["--port", port, "--metrics-port", "0"])
                second.process.waitUntilExit()
                #expect(second.process.terminationStatus == 1)
                #expect(eventually { second.text.contains("127.0.0.1:\(port)") }, "\(second.text)")
            }
        }
    }
}
