import Foundation

extension Settings {
    /// The contents of the file that the setting `name` names, without the line's end: a key of 1 to 256 visible ASCII
    /// characters. It appears in no error.
    package mutating func key(inFile name: String, _ commandLine: String?) throws(ConfigurationError) -> String? {
        guard let path = try optionalString(name, commandLine) else { return nil }
        guard let data = FileManager.default.contents(atPath: path) else {
            throw ConfigurationError(setting: Settings.optionName(name), problem: "'\(path)' cannot be read")
        }
        let key = String(decoding: data, as: UTF8.self).trimmingCharacters(in: .whitespacesAndNewlines)
        guard (1...256).contains(key.utf8.count), key.utf8.allSatisfy({ (0x21...0x7E).contains($0) }) else {
            throw ConfigurationError(
                setting: Settings.optionName(name),
                problem: "'\(path)' holds no key: one line of visible ASCII")
        }
        return key
    }
}
