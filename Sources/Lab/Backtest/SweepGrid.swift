import Runtime
import Wire
import Detection
import Evaluation
import Foundation

/// The grid of a sweep: every combination of the values listed.
///
/// `{"profiles": ["classic"], "profile_values": {"drift_threshold": [3, 4]}, "config": {"profit_target_pct": [0.003, 0.005]}}`;
/// a single value may stand for a list of one.
struct SweepGrid {
    /// Most combinations.
    static let limit = 100_000

    struct Variant {
        let profile: Profile
        /// Values by name, as written to the CSV.
        let values: [String: String]
    }

    struct Point {
        let configuration: BacktestConfiguration
        let values: [String: String]
    }

    let variants: [Variant]
    let points: [Point]
    /// Names of what varies, in order.
    let columns: [String]

    init(path: String) throws {
        guard let file = FileManager.default.contents(atPath: path), file.count < 1 << 20,
            let object = try? JSONSerialization.jsonObject(with: file) as? [String: Any]
        else { throw ConfigurationError(setting: "grid", problem: "\(path) is no JSON object that can be read") }
        let known = ["profiles", "profile_values", "config"]
        if let stranger = object.keys.sorted().first(where: { !known.contains($0) }) {
            throw ConfigurationError(
                setting: "grid", problem: "\(path): there is no \(stranger); known are \(known.joined(separator: ", "))"
            )
        }
        let names = Self.list(object["profiles"] ?? "calibrated").compactMap { $0 as? String }
        let profileAxes = try Self.axes(object["profile_values"], path)
        let configAxes = try Self.axes(object["config"], path)
        let count = (profileAxes + configAxes).reduce(names.count) { $0 * max(1, min($1.values.count, Self.limit)) }
        guard count > 0, count <= Self.limit else {
            throw ConfigurationError(
                setting: "grid", problem: "\(path): \(count) combinations, 1 to \(Self.limit) can be run")
        }
        var variants: [Variant] = []
        for name in names {
            let profile = try Lab.profile(name)
            for choice in Self.combinations(profileAxes) {
                var values = choice.mapValues { "\($0)" }
                values["profile"] = name
                variants.append(
                    Variant(profile: try BacktestSettings.profile(profile, replacing: choice), values: values))
            }
        }
        self.variants = variants
        points = try Self.combinations(configAxes).map { choice in
            Point(
                configuration: try BacktestSettings.configuration(choice, name: path),
                values: choice.mapValues { "\($0)" })
        }
        columns = ["profile"] + (profileAxes + configAxes).map(\.name)
    }

    private static func list(_ value: Any) -> [Any] { value as? [Any] ?? [value] }

    private static func axes(_ value: Any?, _ path: String) throws -> [(name: String, values: [Any])] {
        guard let value else { return [] }
        guard let object = value as? [String: Any] else {
            throw ConfigurationError(setting: "grid", problem: "\(path): a list of values needs a name")
        }
        return object.sorted { $0.key < $1.key }.map { ($0.key, list($0.value)) }
    }

    private static func combinations(_ axes: [(name: String, values: [Any])]) -> [[String: Any]] {
        axes.reduce([[:]]) { made, axis in
            made.flatMap { choice in
                axis.values.map { value in
                    var choice = choice
                    choice[axis.name] = value
                    return choice
                }
            }
        }
    }
}
