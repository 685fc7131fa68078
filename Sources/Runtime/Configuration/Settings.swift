import Configuration
import Foundation
import SystemPackage

/// The settings of one process, layered: command line > environment > file > default.
///
/// A setting named `reconnectDelay` in the scope `ingest` is `--reconnect-delay` on the command line,
/// `INGEST_RECONNECT_DELAY` in the environment and `{"ingest": {"reconnectDelay": …}}` in the file. Every read checks
/// the value and records its source, so that `--check-config` can show it; `checkFile()` finds keys of the file that
/// nothing read.
package struct Settings {
    /// A setting's effective value.
    package struct Effective: Sendable {
        package let name: String
        package let value: String
        package let source: String
    }

    /// All scopes that a shared file may hold.
    static let scopes = ["ingest", "features", "detector", "alerter", "gateway", "simulator", "recorder"]

    package private(set) var effective: [Effective] = []
    private let scope: String
    private let environment: EnvironmentVariablesProvider
    private let variables: [String: String]
    private let file: (path: String, provider: FileProvider<JSONSnapshot>)?

    /// Reads `file` (JSON) if one is named. Throws a `ConfigurationError` for an unreadable file.
    package init(
        scope: String, file path: String?, environment: [String: String] = ProcessInfo.processInfo.environment
    ) async throws {
        self.scope = scope
        variables = environment
        self.environment = EnvironmentVariablesProvider(environmentVariables: environment)
        guard let path else {
            file = nil
            return
        }
        var isFolder: ObjCBool = false
        if FileManager.default.fileExists(atPath: path, isDirectory: &isFolder), isFolder.boolValue {
            throw ConfigurationError(setting: "--config \(path)", problem: "is a folder; name a JSON file")
        }
        do {
            let text = try Data(contentsOf: URL(filePath: path))
            guard try JSONSerialization.jsonObject(with: text) is [String: Any] else {
                throw ConfigurationError(setting: "--config \(path)", problem: "is not a JSON object")
            }
            file = (path, try await FileProvider<JSONSnapshot>(filePath: FilePath(path)))
        } catch let error as ConfigurationError {
            throw error
        } catch {
            throw ConfigurationError(
                setting: "--config \(path)", problem: "cannot be read as JSON: \(FileProblem.reason(of: error))")
        }
    }

    /// Text; `allowed` lists the accepted values, if restricted.
    package mutating func string(
        _ name: String, _ commandLine: String?, default fallback: String, allowed: [String]? = nil
    ) throws(ConfigurationError) -> String {
        try read(name, commandLine, type: .string, fallback: fallback, show: { $0 }) { content, problem in
            guard case .string(let text) = content else { return nil }
            if let allowed, !allowed.contains(text) {
                problem = "'\(text)' is not one of \(allowed.joined(separator: ", "))"
                return nil
            }
            return text
        } parse: {
            .string($0)
        }
    }

    /// Optional text.
    package mutating func optionalString(_ name: String, _ commandLine: String?) throws(ConfigurationError) -> String? {
        let text = try string(name, commandLine, default: "")
        return text.isEmpty ? nil : text
    }

    /// Text kept out of every listing, log and error. Beside the usual layers it is read from the file that
    /// `<VARIABLE>_FILE` names, and from `alias` and `<alias>_FILE`, names that other tools use for the same thing.
    package mutating func secret(
        _ name: String, _ commandLine: String? = nil, alias: String? = nil
    ) throws(ConfigurationError) -> String? {
        func fromFile(_ variable: String) throws(ConfigurationError) -> (text: String, source: String)? {
            guard let path = variables[variable], !path.isEmpty else { return nil }
            guard let data = FileManager.default.contents(atPath: path) else {
                throw ConfigurationError(setting: variable, problem: "names a file that cannot be read: \(path)")
            }
            let text = String(decoding: data, as: UTF8.self).trimmingCharacters(in: .whitespacesAndNewlines)
            guard !text.isEmpty, data.count <= 64 << 10 else {
                throw ConfigurationError(setting: variable, problem: "names a file without a secret: \(path)")
            }
            return (text, variable)
        }
        let own = environmentName(name)
        var elsewhere: (text: String, source: String)?
        if commandLine == nil, variables[own]?.isEmpty ?? true {
            elsewhere = try fromFile(own + "_FILE")
            if elsewhere == nil, let alias {
                let text = variables[alias] ?? ""
                elsewhere = text.isEmpty ? try fromFile(alias + "_FILE") : (text, alias)
            }
        }
        if let elsewhere {
            effective.append(Effective(name: name, value: "(set)", source: elsewhere.source))
            return elsewhere.text
        }
        let text: String = try read(
            name, commandLine, type: .string, fallback: "", show: { $0.isEmpty ? "" : "(set)" },
            convert: { content, _ in if case .string(let text) = content { text } else { nil } }, parse: { .string($0) }
        )
        return text.isEmpty ? nil : text
    }

    package mutating func integer(
        _ name: String, _ commandLine: String?, default fallback: Int, in range: ClosedRange<Int>
    ) throws(ConfigurationError) -> Int {
        try read(name, commandLine, type: .int, fallback: fallback, show: String.init) { content, problem in
            guard case .int(let value) = content else { return nil }
            guard range.contains(value) else {
                problem = "\(value) is outside \(range.lowerBound)…\(range.upperBound)"
                return nil
            }
            return value
        } parse: {
            Int($0).map { .int($0) }
        }
    }

    package mutating func number(
        _ name: String, _ commandLine: String?, default fallback: Double, in range: ClosedRange<Double>
    ) throws(ConfigurationError) -> Double {
        try read(name, commandLine, type: .double, fallback: fallback, show: { "\($0)" }) { content, problem in
            guard case .double(let value) = content else { return nil }
            guard range.contains(value) else {
                problem = "\(value) is outside \(range.lowerBound)…\(range.upperBound)"
                return nil
            }
            return value
        } parse: {
            Double($0).map { .double($0) }
        }
    }

    package mutating func flag(_ name: String, _ commandLine: Bool) throws(ConfigurationError) -> Bool {
        try read(name, commandLine ? "true" : nil, type: .bool, fallback: false, show: String.init) { content, _ in
            if case .bool(let value) = content { value } else { nil }
        } parse: {
            switch $0.lowercased() {
            case "true", "yes", "1": .bool(true)
            case "false", "no", "0": .bool(false)
            default: nil
            }
        }
    }

    /// A list: comma-separated on the command line and in the environment, an array of strings in the file.
    package mutating func list(
        _ name: String, _ commandLine: String?, default fallback: [String]
    ) throws(ConfigurationError) -> [String] {
        try read(
            name, commandLine, type: .stringArray, fallback: fallback, show: { $0.joined(separator: ",") },
            convert: { content, problem in
                guard case .stringArray(let items) = content else { return nil }
                let trimmed = items.map { $0.trimmingCharacters(in: .whitespaces) }
                guard !trimmed.contains("") else {
                    problem = "has an empty item"
                    return nil
                }
                return trimmed
            },
            parse: { .stringArray($0.split(separator: ",", omittingEmptySubsequences: false).map(String.init)) })
    }

    /// Refuses a setting that somebody has set though it has no effect beside the others: it would look as if it had one.
    /// Call it after its read.
    /// - Parameter reason: why, and what to set instead.
    package func refuse(_ name: String, because reason: String) throws(ConfigurationError) {
        guard let setting = effective.last(where: { $0.name == name }), setting.source != "default" else { return }
        throw ConfigurationError(setting: setting.source, problem: "has no effect: \(reason)")
    }

    /// Refuses a file with a key that no setting of this scope has, or an unknown scope: a misspelt setting must
    /// not be ignored. Call it after all reads.
    package func checkFile() throws(ConfigurationError) {
        guard let file else { return }
        guard let data = FileManager.default.contents(atPath: file.path),
            let object = try? JSONSerialization.jsonObject(with: data), let root = object as? [String: Any]
        else { throw ConfigurationError(setting: "--config \(file.path)", problem: "is not a JSON object") }
        if let unknown = root.keys.filter({ !Self.scopes.contains($0) }).min() {
            throw ConfigurationError(
                setting: "\(unknown) in \(file.path)",
                problem: "unknown section; known are \(Self.scopes.joined(separator: ", "))")
        }
        guard let section = root[scope] else { return }
        guard let keys = (section as? [String: Any])?.keys else {
            throw ConfigurationError(setting: "\(scope) in \(file.path)", problem: "is not a JSON object")
        }
        let known = Set(effective.map(\.name))
        if let unknown = keys.filter({ !known.contains($0) }).min() {
            throw ConfigurationError(
                setting: "\(scope).\(unknown) in \(file.path)",
                problem: "unknown setting; known are \(known.sorted().joined(separator: ", "))")
        }
    }

    /// The first layer with a value decides; an invalid value is an error, never skipped.
    private mutating func read<Value>(
        _ name: String, _ commandLine: String?, type: ConfigType, fallback: Value, show: (Value) -> String,
        convert: (ConfigContent, inout String) -> Value?, parse: (String) -> ConfigContent?
    ) throws(ConfigurationError) -> Value {
        var found: (content: ConfigContent?, text: String, source: String)?
        let key = AbsoluteConfigKey([scope, name])
        if let commandLine {
            found = (parse(commandLine), "'\(commandLine)'", Self.optionName(name))
        } else if let text = try environmentText(key) {
            // An empty variable counts as not set, as in Compose files.
            if !text.isEmpty { found = (parse(text), "'\(text)'", environmentName(name)) }
        }
        if found == nil, let file {
            let source = "\(scope).\(name) in \(file.path)"
            do {
                if let value = try file.provider.value(forKey: key, type: type).value {
                    found = (value.content, "the value", source)
                }
            } catch {
                throw ConfigurationError(setting: source, problem: "is not \(Self.describe(type))")
            }
        }
        guard let found else {
            effective.append(Effective(name: name, value: show(fallback), source: "default"))
            return fallback
        }
        var problem = "\(found.text) is not \(Self.describe(type))"
        guard let content = found.content, let value = convert(content, &problem) else {
            throw ConfigurationError(setting: found.source, problem: problem)
        }
        effective.append(Effective(name: name, value: show(value), source: found.source))
        return value
    }

    private func environmentText(_ key: AbsoluteConfigKey) throws(ConfigurationError) -> String? {
        do {
            guard let value = try environment.value(forKey: key, type: .string).value,
                case .string(let text) = value.content
            else { return nil }
            return text
        } catch {
            throw ConfigurationError(setting: "\(key)", problem: "cannot be read from the environment: \(error)")
        }
    }

    /// `reconnectDelay` → `--reconnect-delay`.
    package static func optionName(_ name: String) -> String { "--" + words(of: name).joined(separator: "-") }

    /// `reconnectDelay` → `INGEST_RECONNECT_DELAY`.
    func environmentName(_ name: String) -> String {
        ([scope] + Self.words(of: name)).joined(separator: "_").uppercased()
    }

    private static func words(of name: String) -> [String] {
        var words: [String] = [""]
        for character in name {
            if character.isUppercase {
                words.append(character.lowercased())
            } else {
                words[words.count - 1].append(character)
            }
        }
        return words
    }

    private static func describe(_ type: ConfigType) -> String {
        switch type {
        case .int: "a whole number"
        case .double: "a number"
        case .bool: "true or false"
        case .stringArray: "a list of names"
        default: "text"
        }
    }
}
