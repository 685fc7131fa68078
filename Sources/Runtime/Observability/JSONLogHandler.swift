import Foundation
import Logging

/// One JSON object a line on standard error: `time, level, service, message` and the metadata.
struct JSONLogHandler: LogHandler {
    let label: String
    let service: String
    var metadata: Logger.Metadata = [:]
    var logLevel: Logger.Level = .info

    subscript(metadataKey key: String) -> Logger.Metadata.Value? {
        get { metadata[key] }
        set { metadata[key] = newValue }
    }

    func log(event: LogEvent) {
        var fields: [String: String] = [
            "time": Date().formatted(Date.ISO8601FormatStyle(includingFractionalSeconds: true)),
            "level": event.level.rawValue, "service": service, "logger": label, "message": "\(event.message)",
        ]
        for (key, value) in metadata.merging(event.metadata ?? [:], uniquingKeysWith: { $1 }) {
            // A metadata key never hides a field of the line itself.
            fields[fields[key] == nil ? key : "metadata.\(key)"] = "\(value)"
        }
        guard let line = try? CompactJSON.bytes(fields) else { return }
        FileHandle.standardError.write(Data(line + [UInt8(ascii: "\n")]))
    }
}
