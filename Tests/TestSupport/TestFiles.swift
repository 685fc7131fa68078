import Foundation

/// Where tests read and write.
package enum TestFiles {
    package static let root = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        .deletingLastPathComponent()
    /// The recordings; absent on machines that do not have them.
    package static let data = URL(
        filePath: ProcessInfo.processInfo.environment["MICROSTRUCTURE_DATA"]
            ?? root.appending(path: "../shared/data").standardizedFileURL.path)
    package static let captures = ["btcusdt_20240808.gz", "ethusdt_20240808.gz"].map {
        data.appending(path: "binance-spot-2024-08-08/\($0)").path
    }
    package static var hasCaptures: Bool { captures.allSatisfy { FileManager.default.fileExists(atPath: $0) } }

    package static func temporaryFolder() throws -> URL {
        let folder = FileManager.default.temporaryDirectory.appending(path: "ms-\(UUID().uuidString.prefix(8))")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        return folder
    }
}
