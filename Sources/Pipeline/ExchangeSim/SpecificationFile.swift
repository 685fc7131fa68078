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
            throw ConfigurationError(setting: setting, problem: "'\(path)': \(ControlDesk.describe(error))")
        }
    }
}
