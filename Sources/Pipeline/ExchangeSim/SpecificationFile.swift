import Foundation
import Simulation

/// A synthetic market's specification as a file.
enum SpecificationFile {
    /// A larger file is no specification.
    static let byteLimit = 4 << 20

    static func load(_ path: String, setting: String) throws(ConfigurationError) -> SyntheticSpecification {
        guard let data = FileManager.default.contents(atPath: path) else {
            throw ConfigurationError(setting: setting, problem: "'\(path)' cannot be read")
        }
        guard data.count <= byteLimit else {
            throw ConfigurationError(setting: setting, problem: "'\(path)' is larger than a specification can be")
        }
        do {
            return try JSONDecoder().decode(SyntheticSpecification.self, from: data)
        } catch {
            throw ConfigurationError(setting: setting, problem: "'\(path)': \(describe(error))")
        }
    }

    /// The mistake in a file or a request body, in one line.
    static func describe(_ error: any Error) -> String {
        switch error {
        case let error as FaultFileError: error.description
        case DecodingError.keyNotFound(let key, _): "needs the member '\(key.stringValue)'"
        case DecodingError.typeMismatch(_, let context), DecodingError.valueNotFound(_, let context):
            "\(context.codingPath.map(\.stringValue).joined(separator: ".")): \(context.debugDescription)"
        case DecodingError.dataCorrupted(let context):
            context.underlyingError.map { describe($0) } ?? "is not JSON: \(context.debugDescription)"
        default: "\(error)"
        }
    }
}
