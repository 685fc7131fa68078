import Microstructure
import Runtime
import Simulation

/// Events on the command line, comma-separated: `TYPE:SIZE@WHEN[/SIDE]`, such as `sweep:20@90/buy` or `iceberg:5@4x`.
///
/// WHEN is a number of seconds after the tape's first record, a moment (ISO 8601), or `4x`: four, spread evenly.
struct InlineEvents {
    let rules: [PlantingRule]

    /// - Parameters:
    ///   - start: the tape's first record.
    ///   - span: seconds over which events are spread evenly; `nil` where the end of the tape is not known.
    ///   - lengthSeconds: of each event; `nil` takes the type's usual length.
    init(
        _ text: String, start: Timestamp, span: ClosedRange<Double>?, lengthSeconds: Double?
    ) throws(ConfigurationError) {
        var rules: [PlantingRule] = []
        for part in text.split(separator: ",") {
            rules.append(try Self.rule(String(part), start, span, lengthSeconds))
        }
        guard !rules.isEmpty else { throw ConfigurationError(setting: "SPEC", problem: "names no event") }
        self.rules = rules
    }

    private static func rule(
        _ text: String, _ start: Timestamp, _ span: ClosedRange<Double>?, _ lengthSeconds: Double?
    ) throws(ConfigurationError) -> PlantingRule {
        func refuse(_ problem: String) -> ConfigurationError {
            ConfigurationError(setting: "SPEC", problem: "'\(text)' \(problem)")
        }
        guard let colon = text.firstIndex(of: ":"), let at = text.firstIndex(of: "@"), colon < at else {
            throw refuse("is not written TYPE:SIZE@WHEN, e.g. sweep:20@90, and is no .json file")
        }
        let name = String(text[..<colon])
        guard let type = PlantedEventType(rawValue: name) else {
            let known = PlantedEventType.allCases.map(\.rawValue).joined(separator: ", ")
            throw refuse("has the unknown type '\(name)'; known are \(known)")
        }
        guard let size = Double(text[text.index(after: colon)..<at]), type.sizes.contains(size) else {
            throw refuse("needs a size from \(type.sizes.lowerBound) to \(type.sizes.upperBound)")
        }
        var when = text[text.index(after: at)...]
        var direction: AggressorSide?
        if let slash = when.lastIndex(of: "/") {
            guard let side = ["buy": AggressorSide.buy, "sell": .sell][String(when[when.index(after: slash)...])],
                type.hasDirection
            else { throw refuse("has a side that is neither buy nor sell, or a type without sides") }
            direction = side
            when = when[..<slash]
        }
        let moments: [Double]
        if when.hasSuffix("x"), let count = Int(when.dropLast()), (1...1_000).contains(count) {
            guard let span else { throw refuse("cannot be spread: the tape has a segment without an index") }
            let step = (span.upperBound - span.lowerBound) / Double(count)
            moments = (0..<count).map { span.lowerBound + (Double($0) + 0.5) * step }
        } else if let seconds = Double(when), (0...1e9).contains(seconds) {
            moments = [seconds]
        } else if let moment = Moment(argument: String(when)) {
            let seconds = Double(moment.time.nanoseconds(since: start)) / 1e9
            guard (0...1e9).contains(seconds) else { throw refuse("begins before the tape") }
            moments = [seconds]
        } else {
            throw refuse("has no time: give seconds, a moment, or a number of events such as 4x")
        }
        let length = lengthSeconds ?? type.usualLengthSeconds
        return PlantingRule(
            type, timing: .atSeconds(moments), lengthSeconds: length...length, sizes: [size], direction: direction)
    }
}

extension PlantedEventType {
    /// As in the scenarios of the scoreboard.
    fileprivate var usualLengthSeconds: Double {
        switch self {
        case .sweep: 5
        case .volumeBurst, .quoteStuffing: 30
        case .metaorder, .spoofing, .iceberg, .flashCrash: 60
        case .imbalanceDrift, .volatilityRegime, .spreadRegime, .pumpAndDump: 120
        }
    }
}
