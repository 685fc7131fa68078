import Foundation

/// A JSON file that a setting names.
package enum JSONFile {
    /// A larger file is refused.
    static let byteLimit = 4 << 20

    /// Reads the value; the error names the setting, the file and the member that cannot be used.
    package static func load<Value: Decodable>(
        _ path: String, setting: String
    ) throws(ConfigurationError) -> Value {
        guard let data = FileManager.default.contents(atPath: path) else {
            throw ConfigurationError(setting: setting, problem: "'\(path)' cannot be read")
        }
        guard data.count <= byteLimit else {
            throw ConfigurationError(setting: setting, problem: "'\(path)' is larger than \(byteLimit >> 20) MB")
        }
        do {
            return try JSONDecoder().decode(Value.self, from: data)
        } catch {
            throw ConfigurationError(setting: setting, problem: "'\(path)': \(describe(error))")
        }
    }

    /// Describes a decoding error, with the path of the invalid member.
    package static func describe(_ error: any Error) -> String {
        switch error {
        case DecodingError.keyNotFound(let key, _): "needs the member '\(key.stringValue)'"
        case DecodingError.typeMismatch(_, let context), DecodingError.valueNotFound(_, let context):
            "\(context.codingPath.map(\.stringValue).joined(separator: ".")): \(context.debugDescription)"
        case DecodingError.dataCorrupted(let context):
            context.underlyingError.map { describe($0) } ?? "is not JSON: \(context.debugDescription)"
        default: "\(error)"
        }
    }
}
