import Runtime
import Foundation

/// Which signals go where and when: the content of `--policy FILE`. Absent keys have the defaults stated here; an
/// unknown key is an error.
struct AlertPolicy: Sendable, Equatable {
    /// Sends matching signals to channels. The first matching route decides; if it sets `continues`, later routes apply
    /// too.
    struct Route: Sendable, Equatable {
        var name: String
        var match = SignalMatcher()
        /// Names of channels; absent: all configured channels.
        var channels: [String]?
        /// Signals equal in these keys (`symbol`, `venue`, `type`) share messages and keep their order; empty: all signals.
        var groupBy: [GroupKey] = [.symbol]
        /// How long the first signal of a group waits for others, 0 to 3600 s. By default it goes at once, and signals
        /// that arrive while the channel's rate limit blocks form the next message.
        var groupWindowSeconds = 0.0
        /// The same market, type and direction alerts again only after this, or at a higher severity; 0 to 30 days.
        var repeatIntervalSeconds = 0.0
        var quietHours: [QuietHours] = []
        var continues = false
    }

    enum GroupKey: String, Codable, Sendable, CaseIterable {
        case symbol, venue, type
    }

    /// Hours in which only severe enough signals are sent.
    struct QuietHours: Sendable, Equatable {
        /// Minutes of the day; `from` after `to` spans midnight. `to` may be 1440, the end of the day.
        var from: Int
        var to: Int
        /// Weekdays on which the hours begin, 1 Sunday to 7 Saturday; empty: every day.
        var days: Set<Int> = []
        var timeZone = TimeZone.gmt
        /// Signals of this severity or above pass.
        var minSeverity = Severity.critical
        /// Whether other signals are sent when the hours end, rather than only kept in the history.
        var holds = true
    }

    /// A signal that mutes others that are equal in some keys.
    struct Inhibition: Sendable, Equatable {
        var source: SignalMatcher
        var target: SignalMatcher
        var seconds: Double
        /// What source and target must have in common; empty: nothing.
        var equal: [GroupKey] = [.symbol]
    }

    static let listLimit = 100

    /// Lowest scores of a warning and of a critical signal.
    var warningScore = 0.6
    var criticalScore = 0.85
    var routes = [Route(name: "default")]
    var inhibitions: [Inhibition] = []

    func severity(of score: Double) -> Severity {
        score >= criticalScore ? .critical : score >= warningScore ? .warning : .info
    }
}

extension AlertPolicy {
    /// Reads a policy file. `channels` are the configured channels; a route to any other is an error.
    init(file path: String, channels: [String]) throws(ConfigurationError) {
        func bad(_ problem: String) -> ConfigurationError {
            ConfigurationError(setting: "policy \(path)", problem: problem)
        }
        guard let data = FileManager.default.contents(atPath: path) else { throw bad("cannot be read") }
        guard data.count <= 1 << 20 else { throw bad("is larger than 1 MiB") }
        do {
            let decoder = JSONDecoder()
            self = try decoder.decode(PolicyDocument.self, from: data).policy(channels: channels)
        } catch let error as PolicyProblem {
            throw bad(error.text)
        } catch let error as DecodingError {
            throw bad(Self.describe(error))
        } catch {
            throw bad("\(error)")
        }
    }

    private static func describe(_ error: DecodingError) -> String {
        func place(_ context: DecodingError.Context) -> String {
            context.codingPath.map { $0.intValue.map { "[\($0)]" } ?? $0.stringValue }.joined(separator: ".")
        }
        return switch error {
        case .keyNotFound(let key, let context): "\(place(context)) needs '\(key.stringValue)'"
        case .typeMismatch(_, let context), .valueNotFound(_, let context):
            "\(place(context)): \(context.debugDescription)"
        case .dataCorrupted(let context):
            context.codingPath.isEmpty ? "is no JSON" : "\(place(context)): \(context.debugDescription)"
        @unknown default: "\(error)"
        }
    }
}

/// An error in a policy, in words.
struct PolicyProblem: Error {
    let text: String
}

/// The policy file as written.
private struct PolicyDocument: Decodable {
    struct SeverityDocument: Decodable {
        var warning: Double?
        var critical: Double?
    }

    struct QuietDocument: Decodable {
        var from: String
        var to: String
        var days: [String]?
        var timeZone: String?
        var minSeverity: Severity?
        var hold: Bool?
    }

    struct RouteDocument: Decodable {
        var name: String
        var match: SignalMatcher?
        var channels: [String]?
        var groupBy: [AlertPolicy.GroupKey]?
        var groupWindowSeconds: Double?
        var repeatIntervalSeconds: Double?
        var quietHours: [QuietDocument]?
        var `continue`: Bool?
    }

    struct InhibitionDocument: Decodable {
        var source: SignalMatcher
        var target: SignalMatcher
        var seconds: Double
        var equal: [AlertPolicy.GroupKey]?
    }

    private static let known: [String: Set<String>] = [
        "": ["severity", "routes", "inhibitions"], "severity": ["warning", "critical"],
        "match": ["symbols", "venues", "types", "minSeverity", "minScore"],
        "source": ["symbols", "venues", "types", "minSeverity", "minScore"],
        "target": ["symbols", "venues", "types", "minSeverity", "minScore"],
        "routes": [
            "name", "match", "channels", "groupBy", "groupWindowSeconds", "repeatIntervalSeconds", "quietHours",
            "continue",
        ],
        "quietHours": ["from", "to", "days", "timeZone", "minSeverity", "hold"],
        "inhibitions": ["source", "target", "seconds", "equal"],
    ]

    var severity: SeverityDocument?
    var routes: [RouteDocument]?
    var inhibitions: [InhibitionDocument]?

    enum CodingKeys: String, CodingKey {
        case severity, routes, inhibitions
    }

    init(from decoder: any Decoder) throws {
        try Self.refuseUnknown(AnyTree(from: decoder), in: "")
        let container = try decoder.container(keyedBy: CodingKeys.self)
        severity = try container.decodeIfPresent(SeverityDocument.self, forKey: .severity)
        routes = try container.decodeIfPresent([RouteDocument].self, forKey: .routes)
        inhibitions = try container.decodeIfPresent([InhibitionDocument].self, forKey: .inhibitions)
    }

    /// A misspelt key must not be ignored.
    private static func refuseUnknown(_ tree: AnyTree, in place: String) throws {
        switch tree {
        case .object(let fields):
            for (key, value) in fields.sorted(by: { $0.key < $1.key }) {
                guard let known = known[place], known.contains(key) else {
                    let names = known[place, default: []].sorted().joined(separator: ", ")
                    throw PolicyProblem(text: "unknown key '\(key.prefix(64))'; known there are \(names)")
                }
                try refuseUnknown(value, in: key)
            }
        case .array(let items): for item in items { try refuseUnknown(item, in: place) }
        case .leaf: break
        }
    }

    func policy(channels: [String]) throws -> AlertPolicy {
        var policy = AlertPolicy()
        policy.warningScore = severity?.warning ?? policy.warningScore
        policy.criticalScore = severity?.critical ?? policy.criticalScore
        guard 0...1 ~= policy.warningScore, policy.warningScore...1 ~= policy.criticalScore else {
            throw PolicyProblem(text: "severity needs 0 ≤ warning ≤ critical ≤ 1")
        }
        if let routes {
            policy.routes = try routes.map { try $0.route(channels: channels) }
            guard (1...AlertPolicy.listLimit).contains(routes.count), Set(routes.map(\.name)).count == routes.count
            else { throw PolicyProblem(text: "routes needs 1 to \(AlertPolicy.listLimit) entries of different names") }
        }
        policy.inhibitions = try (inhibitions ?? []).map { entry in
            let (source, target): (SignalMatcher, SignalMatcher)
            do throws(PolicyProblem) {
                (source, target) = (try entry.source.normalized(), try entry.target.normalized())
            } catch {
                throw PolicyProblem(text: "inhibitions: \(error.text)")
            }
            guard (0.001...86_400).contains(entry.seconds) else {
                throw PolicyProblem(text: "inhibitions: seconds \(entry.seconds) is outside 0.001…86400")
            }
            return .init(
                source: source, target: target, seconds: entry.seconds, equal: entry.equal ?? [.symbol])
        }
        guard policy.inhibitions.count <= AlertPolicy.listLimit else {
            throw PolicyProblem(text: "inhibitions has more than \(AlertPolicy.listLimit) entries")
        }
        return policy
    }
}

extension PolicyDocument.RouteDocument {
    func route(channels known: [String]) throws -> AlertPolicy.Route {
        func bad(_ problem: String) -> PolicyProblem { PolicyProblem(text: "route '\(name.prefix(64))': \(problem)") }
        guard (1...64).contains(name.utf8.count) else { throw bad("name needs 1 to 64 bytes") }
        var route = AlertPolicy.Route(name: name)
        do throws(PolicyProblem) {
            route.match = try (match ?? route.match).normalized()
        } catch {
            throw bad(error.text)
        }
        guard channels?.isEmpty != true else {
            throw bad("channels is empty and would send nowhere; leave it out to send on all")
        }
        if let stranger = channels?.first(where: { !known.contains($0) }) {
            let names = known.joined(separator: ", ")
            throw bad("channel '\(stranger.prefix(64))' is not configured; configured are \(names)")
        }
        route.channels = channels
        route.groupBy = groupBy ?? route.groupBy
        route.groupWindowSeconds = groupWindowSeconds ?? 0
        guard (0...3_600).contains(route.groupWindowSeconds) else { throw bad("groupWindowSeconds is outside 0…3600") }
        route.repeatIntervalSeconds = repeatIntervalSeconds ?? 0
        guard (0...2_592_000).contains(route.repeatIntervalSeconds) else {
            throw bad("repeatIntervalSeconds is outside 0…2592000")
        }
        route.quietHours = try (quietHours ?? []).map { entry in
            guard let from = Self.minutes(entry.from), from < AlertPolicy.QuietHours.dayMinutes,
                let to = Self.minutes(entry.to), from != to
            else {
                throw bad(
                    "quietHours needs from and to as different times of day, e.g. 22:00; a whole day is from 00:00 to 24:00"
                )
            }
            guard let zone = TimeZone(identifier: entry.timeZone ?? "GMT") else {
                throw bad("quietHours: '\(entry.timeZone ?? "")' is no time zone, e.g. Europe/Berlin")
            }
            let names = ["sun", "mon", "tue", "wed", "thu", "fri", "sat"]
            let days = try (entry.days ?? []).map { day in
                guard let index = names.firstIndex(of: day) else {
                    throw bad("quietHours: '\(day.prefix(16))' is no day; write \(names.joined(separator: ", "))")
                }
                return index + 1
            }
            return .init(
                from: from, to: to, days: Set(days), timeZone: zone, minSeverity: entry.minSeverity ?? .critical,
                holds: entry.hold ?? true)
        }
        guard !route.isQuietForEver(at: Self.anyMonday) else {
            throw bad("quietHours follow each other without an end: what they hold would never be sent")
        }
        route.continues = `continue` ?? false
        return route
    }

    /// 2024-01-01T00:00:00Z: quiet hours repeat every week, so that one moment shows whether they end.
    private static let anyMonday: Int64 = 1_704_067_200_000_000_000

    /// `24:00` is the end of a day.
    private static func minutes(_ text: String) -> Int? {
        let parts = text.split(separator: ":", omittingEmptySubsequences: false)
        guard parts.count == 2, parts.allSatisfy({ $0.count == 2 }), let hours = Int(parts[0]),
            let minutes = Int(parts[1]), (0..<24).contains(hours) && (0..<60).contains(minutes) || text == "24:00"
        else { return nil }
        return hours * 60 + minutes
    }
}

/// JSON of any shape, for the keys alone.
private enum AnyTree: Decodable {
    case object([String: AnyTree])
    case array([AnyTree])
    case leaf

    init(from decoder: any Decoder) throws {
        if let fields = try? [String: AnyTree](from: decoder) {
            self = .object(fields)
        } else if let items = try? [AnyTree](from: decoder) {
            self = .array(items)
        } else {
            self = .leaf
        }
    }
}
