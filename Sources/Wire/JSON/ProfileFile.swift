public import Detection
import Foundation
import Microstructure

/// A profile that cannot be used, and why.
public struct ProfileFileError: Error, CustomStringConvertible {
    /// One line, with the profile's name.
    public let problem: String
    public var description: String { problem }
}

/// A detector profile as JSON: the file that `microlab calibrate` writes and `detector --profile` reads.
public enum ProfileFile {
    /// A larger file is no profile.
    static let byteLimit = 4 << 20

    /// The profile of a built-in name, or of the file at that path.
    public static func load(_ name: String) throws(ProfileFileError) -> Profile {
        switch name {
        case "classic": return .classic
        case "calibrated": return try decode(Array(StandardProfile.calibrated.utf8), "calibrated")
        case "events": return try decode(StandardProfile.events, "events")
        default: break
        }
        guard let file = FileManager.default.contents(atPath: name) else {
            throw ProfileFileError(
                problem: "\(name) is neither calibrated, events or classic nor a file that can be read; "
                    + "microlab calibrate writes such a file")
        }
        guard file.count <= byteLimit else {
            throw ProfileFileError(problem: "\(name) is larger than a profile can be")
        }
        return try decode(Array(file), name)
    }

    private static func decode(_ bytes: [UInt8], _ name: String) throws(ProfileFileError) -> Profile {
        let decoder = JSONDecoder()
        decoder.keyDecodingStrategy = .convertFromSnakeCase
        do {
            let profile = try decoder.decode(Profile.self, from: Data(bytes))
            try profile.validate()
            let schema = FeatureSchema()
            let features = profile.detectors.map(\.name.feature) + (profile.events?.columns.map(\.feature) ?? [])
            for feature in features where schema.index(of: feature) == nil { throw ProfileError.missingColumn(feature) }
            // A member missing after re-encoding is unknown: a misspelt one would silently take its default.
            let given = try JSONSerialization.jsonObject(with: Data(bytes))
            let known = try JSONSerialization.jsonObject(with: Data(try encode(profile)))
            if let member = unknownMember(given, known) {
                throw ProfileFileError(problem: "\(name): unknown member \(member)")
            }
            return profile
        } catch let error as ProfileFileError {
            throw error
        } catch let error as ProfileError {
            throw ProfileFileError(problem: "\(name): \(error)")
        } catch let error as DecodingError {
            throw ProfileFileError(problem: "\(name): \(text(of: error))")
        } catch {
            throw ProfileFileError(problem: "\(name): \(error)")
        }
    }

    /// The first member of `given`, by name, that `known` lacks, with its path; `nil` if none.
    private static func unknownMember(_ given: Any, _ known: Any) -> String? {
        if let given = given as? [String: Any], let known = known as? [String: Any] {
            for (name, value) in given.sorted(by: { $0.key < $1.key }) where !(value is NSNull) {
                guard let counterpart = known[name] else { return name }
                if let inner = unknownMember(value, counterpart) { return "\(name).\(inner)" }
            }
        } else if let given = given as? [Any], let known = known as? [Any] {
            for (index, (value, counterpart)) in zip(given, known).enumerated() {
                if let inner = unknownMember(value, counterpart) { return "[\(index)].\(inner)" }
            }
        }
        return nil
    }

    /// Pretty-printed, keys sorted: a profile is a file that people read and compare.
    public static func encode(_ profile: Profile) throws -> [UInt8] {
        let encoder = JSONEncoder()
        encoder.keyEncodingStrategy = .convertToSnakeCase
        encoder.outputFormatting = [.prettyPrinted, .sortedKeys]
        return Array(try encoder.encode(profile)) + [UInt8(ascii: "\n")]
    }

    private static func text(of error: DecodingError) -> String {
        func path(_ context: DecodingError.Context) -> String {
            let path = context.codingPath.map { $0.intValue.map { "[\($0)]" } ?? $0.stringValue }
            return path.isEmpty ? "the profile" : path.joined(separator: ".")
        }
        return switch error {
        case .keyNotFound(let key, let context): "\(path(context)) lacks \(key.stringValue)"
        case .typeMismatch(_, let context), .valueNotFound(_, let context): "\(path(context)) has the wrong type"
        case .dataCorrupted(let context) where context.codingPath.isEmpty: "is no JSON"
        case .dataCorrupted(let context): "\(path(context)): \(context.debugDescription)"
        @unknown default: "\(error)"
        }
    }
}
