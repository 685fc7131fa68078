import Wire
import Foundation

/// The decision about a signal on one channel.
struct AlertDecision: Sendable, Equatable {
    enum Outcome: Sendable, Equatable {
        /// Send in the lane's order, not before `readyAt` (nanoseconds since 1970). Ready signals of a lane may share a
        /// message. `hold` says what holds the signal until then; `nil` where nothing does.
        case deliver(lane: String, readyAt: Int64, hold: String? = nil)
        case suppress(Suppression)
    }

    /// Why a signal is not sent.
    enum Suppression: String, Sendable, CaseIterable {
        case noRoute = "no_route"
        case silenced
        case inhibited
        case quietHours = "quiet_hours"
        case repeated
    }

    let channel: String
    let route: String
    let outcome: Outcome
}

/// Applies the policy. Pure: time is an argument, and the same signals at the same times give the same decisions.
struct PolicyEngine: Sendable {
    /// Most last alerts, windows or inhibitions remembered. A full table drops its stale entries, then all.
    static let memoryLimit = 100_000
    /// The channel name in decisions about signals that no route matches.
    static let noChannel = "none"

    let policy: AlertPolicy
    let channels: [String]
    /// Replace the list when it changes; expired silences do no harm.
    var silences: [Silence] = []

    private struct Sent {
        let at: Int64
        let severity: Severity
    }

    private struct Repeat: Hashable {
        let channel, route, symbol, type: String
        let venue, direction: String?
    }

    private struct Window: Hashable {
        let channel, lane: String
    }

    private struct Muted: Hashable {
        let inhibition: Int
        /// Values of the keys that source and target have in common.
        let common: [String]
    }

    private var sent: [Repeat: Sent] = [:]
    private var windows: [Window: Int64] = [:]
    private var mutedUntil: [Muted: Int64] = [:]

    init(_ policy: AlertPolicy, channels: [String]) {
        self.policy = policy
        self.channels = channels
    }

    /// How far back a restarted engine needs the earlier decisions, in seconds.
    var horizonSeconds: Double {
        max(policy.routes.map(\.repeatIntervalSeconds).max() ?? 0, policy.inhibitions.map(\.seconds).max() ?? 0)
    }

    /// One decision for each channel of the routes that match the signal, each channel once.
    mutating func process(_ signal: SignalDocument, at now: Int64) -> [AlertDecision] {
        let severity = policy.severity(of: signal.score)
        var decisions: [AlertDecision] = []
        for route in policy.routes where route.match.matches(signal, severity) {
            let wanted = route.channels ?? channels
            for channel in channels where wanted.contains(channel) {
                guard !decisions.contains(where: { $0.channel == channel }) else { continue }
                let outcome = outcome(for: signal, severity, route, channel, at: now)
                decisions.append(AlertDecision(channel: channel, route: route.name, outcome: outcome))
            }
            if !route.continues { break }
        }
        noteInhibitions(by: signal, severity, at: now)
        if decisions.isEmpty {
            decisions = [AlertDecision(channel: Self.noChannel, route: "", outcome: .suppress(.noRoute))]
        }
        return decisions
    }

    /// Restores an earlier run's decision: an alert of `signal` on `channel`, or with `nil` only its inhibitions.
    mutating func remember(_ signal: SignalDocument, on channel: String?, route: String, at time: Int64) {
        let severity = policy.severity(of: signal.score)
        noteInhibitions(by: signal, severity, at: time)
        let repeats = policy.routes.contains { $0.name == route && $0.repeatIntervalSeconds > 0 }
        guard let channel, repeats else { return }
        note(&sent, Self.key(signal, channel, route), Sent(at: time, severity: severity)) {
            time - $0.at > 86_400_000_000_000
        }
    }

    private mutating func outcome(
        for signal: SignalDocument, _ severity: Severity, _ route: AlertPolicy.Route, _ channel: String, at now: Int64
    ) -> AlertDecision.Outcome {
        if silences.contains(where: { $0.applies(to: signal, severity, on: channel, at: Double(now) / 1e9) }) {
            return .suppress(.silenced)
        }
        for (index, inhibition) in policy.inhibitions.enumerated() where inhibition.target.matches(signal, severity) {
            if let end = mutedUntil[Muted(inhibition: index, common: signal.values(of: inhibition.equal))], now < end {
                return .suppress(.inhibited)
            }
        }
        let key = Self.key(signal, channel, route.name)
        if route.repeatIntervalSeconds > 0, let last = sent[key], severity <= last.severity,
            Double(now - last.at) < route.repeatIntervalSeconds * 1e9
        {
            return .suppress(.repeated)
        }
        var lane = Self.lane(signal, route)
        var readyAt = now
        var hold: String?
        if route.quietHours.contains(where: { !$0.holds && severity < $0.minSeverity && $0.end(at: now) != nil }) {
            return .suppress(.quietHours)
        }
        if let end = route.quietEnd(for: severity, at: now) {
            readyAt = end
            let time = Date(timeIntervalSince1970: Double(end) / 1e9).formatted(.iso8601)
            hold = "\(AlertDecision.Suppression.quietHours.rawValue) until \(time)"
            // Held signals must not delay signals that are not held, or held for less long.
            lane = "held until \(time) \(lane)"
        } else if route.groupWindowSeconds > 0 {
            let window = Window(channel: channel, lane: lane)
            if let end = windows[window], now < end {
                readyAt = end
            } else {
                readyAt = now + Int64(route.groupWindowSeconds * 1e9)
                note(&windows, window, readyAt) { $0 < now }
            }
            hold = "waiting for others of its group"
        }
        if route.repeatIntervalSeconds > 0 {
            note(&sent, key, Sent(at: now, severity: severity)) { now - $0.at > 86_400_000_000_000 }
        }
        return .deliver(lane: lane, readyAt: readyAt, hold: hold)
    }

    private mutating func noteInhibitions(by signal: SignalDocument, _ severity: Severity, at now: Int64) {
        for (index, inhibition) in policy.inhibitions.enumerated() where inhibition.source.matches(signal, severity) {
            let end = now + Int64(inhibition.seconds * 1e9)
            let common = signal.values(of: inhibition.equal)
            note(&mutedUntil, Muted(inhibition: index, common: common), end) { $0 < now }
        }
    }

    private func note<Key: Hashable, Value>(
        _ table: inout [Key: Value], _ key: Key, _ value: Value, isStale: (Value) -> Bool
    ) {
        if table.count >= Self.memoryLimit, table[key] == nil {
            table = table.filter { !isStale($0.value) }
            if table.count >= Self.memoryLimit { table = [:] }
        }
        table[key] = value
    }

    private static func key(_ signal: SignalDocument, _ channel: String, _ route: String) -> Repeat {
        Repeat(
            channel: channel, route: route, symbol: signal.symbol, type: signal.signalType, venue: signal.venue,
            direction: signal.direction)
    }

    private static func lane(_ signal: SignalDocument, _ route: AlertPolicy.Route) -> String {
        ([route.name] + signal.values(of: route.groupBy)).joined(separator: " ")
    }
}

extension SignalDocument {
    /// The values of these keys, in the order of the keys' declaration.
    fileprivate func values(of keys: [AlertPolicy.GroupKey]) -> [String] {
        AlertPolicy.GroupKey.allCases.filter(keys.contains).map { key in
            switch key {
            case .symbol: symbol
            case .venue: venue ?? ""
            case .type: signalType
            }
        }
    }
}
