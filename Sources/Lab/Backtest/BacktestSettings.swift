import Runtime
import Wire
import Detection
import Evaluation
import Foundation
import Microstructure

/// Reads configurations and profiles from files, and names trials.
enum BacktestSettings {
    /// A larger file is no configuration.
    private static let byteLimit = 1 << 20

    /// - Parameter path: `nil` is the defaults.
    static func load(_ path: String?) throws(ConfigurationError) -> BacktestConfiguration {
        guard let path else { return BacktestConfiguration() }
        guard let file = FileManager.default.contents(atPath: path), file.count <= byteLimit else {
            throw ConfigurationError(setting: "config", problem: "\(path) cannot be read")
        }
        guard let values = try? JSONSerialization.jsonObject(with: file) as? [String: Any] else {
            throw ConfigurationError(setting: "config", problem: "\(path) is no JSON object")
        }
        return try configuration(values, name: path)
    }

    /// Takes values by name; refuses names that mean nothing, and values out of range.
    static func configuration(
        _ values: [String: Any], name: String
    ) throws(ConfigurationError) -> BacktestConfiguration {
        let known = Set(BacktestConfiguration.CodingKeys.allCases.map(\.rawValue))
        if let stranger = values.keys.sorted().first(where: { !known.contains($0) }) {
            throw ConfigurationError(
                setting: "config",
                problem: "\(name): there is no \(stranger); known are \(known.sorted().joined(separator: ", "))")
        }
        let made: BacktestConfiguration
        do {
            let bytes = try JSONSerialization.data(withJSONObject: values)
            made = try JSONDecoder().decode(BacktestConfiguration.self, from: bytes)
        } catch let error as DecodingError {
            throw ConfigurationError(setting: "config", problem: "\(name): \(text(of: error))")
        } catch {
            throw ConfigurationError(setting: "config", problem: "\(name): \(error)")
        }
        if let problem = made.problem { throw ConfigurationError(setting: "config", problem: "\(name): \(problem)") }
        return made
    }

    /// A profile with values of its file replaced.
    static func profile(_ profile: Profile, replacing values: [String: Any]) throws -> Profile {
        guard !values.isEmpty else { return profile }
        guard
            var object = try JSONSerialization.jsonObject(with: Data(try ProfileFile.encode(profile))) as? [String: Any]
        else { return profile }
        for (key, value) in values {
            guard object[key] != nil else {
                throw ConfigurationError(setting: "grid", problem: "the profile \(profile.name) has no \(key)")
            }
            if let member = Profile.DependentMember(rawValue: key), let reason = profile.ineffectiveness(of: member) {
                throw ConfigurationError(setting: "grid", problem: "\(key) has no effect: \(reason)")
            }
            object[key] = value
        }
        let decoder = JSONDecoder()
        decoder.keyDecodingStrategy = .convertFromSnakeCase
        do {
            let made = try decoder.decode(Profile.self, from: JSONSerialization.data(withJSONObject: object))
            try made.validate()
            return made
        } catch {
            throw ConfigurationError(setting: "grid", problem: "\(profile.name) with \(values): \(error)")
        }
    }

    /// Identifies the trial: a hash of everything that affects the result, except the data.
    static func trialHash(_ profile: Profile, _ configuration: BacktestConfiguration) throws -> String {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys]
        var hash = StableHash()
        hash.combine(String(decoding: try encoder.encode(configuration), as: UTF8.self))
        hash.combine(String(decoding: try ProfileFile.encode(profile), as: UTF8.self))
        return TapeSet.text(hash.mixed)
    }

    /// Which data it is.
    static func datasetHash(_ tapes: TapeSet, _ symbols: Set<String>) -> String {
        var hash = StableHash()
        hash.combine(tapes.hash)
        for symbol in symbols.sorted() { hash.combine(symbol) }
        return TapeSet.text(hash.mixed)
    }

    private static func text(of error: DecodingError) -> String {
        switch error {
        case .typeMismatch(_, let context), .valueNotFound(_, let context), .dataCorrupted(let context):
            let key = context.codingPath.map(\.stringValue).joined(separator: ".")
            return (key.isEmpty ? "" : "\(key): ") + context.debugDescription
        case .keyNotFound(let key, _): return "lacks \(key.stringValue)"
        @unknown default: return "\(error)"
        }
    }
}
