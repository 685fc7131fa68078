import Microstructure

/// Decides which faults strike, and when; pure and seeded. The simulator's `FaultInjector` carries them out.
///
/// Each rule has its own generator: the same plan, seed and sequence of calls give the same faults, and adding a rule
/// changes no other rule. Times are nanoseconds since the plan began. Faults requested manually (`arm`) strike at the
/// next opportunity.
public struct FaultPlan: Sendable {
    /// Most faults waiting for an opportunity. Above it, manual faults are refused and faults of rules skipped.
    public static let armedLimit = 1_024

    /// A fault that strikes now, with its number, counted from 1.
    public struct Strike: Sendable, Hashable {
        public let number: Int
        public let fault: Fault
    }

    public let seed: UInt64
    private var rules: [Active]
    private var armed: [Strike] = []
    private var lastNumber = 0
    /// How often each kind has struck.
    public private(set) var strikes: [FaultKind: Int] = [:]

    private struct Active: Sendable {
        let rule: FaultRule
        var random: SplitMix64
        var next: Int64?
        var struck = 0

        init(_ rule: FaultRule, seed: UInt64, index: Int) {
            self.rule = rule
            random = SplitMix64(seed: seed ^ (UInt64(index + 1) &* 0x9E37_79B9_7F4A_7C15))
            schedule(after: 0)
        }

        var isSpent: Bool { rule.limit.map { struck >= $0 } ?? false }

        mutating func schedule(after time: Int64) {
            switch rule.trigger {
            case .probability: next = nil
            case .perMinute(let rate): next = time + max(1, Int64(random.exponential() / rate * 60e9))
            case .atSeconds(let moments):
                next = moments.map { Int64($0 * 1e9) }.filter { $0 > time || (time == 0 && $0 >= 0) }.min()
            }
        }
    }

    public init(seed: UInt64 = 1, rules: [FaultRule] = []) {
        self.seed = seed
        self.rules = rules.enumerated().map { Active($1, seed: seed, index: $0) }
    }

    /// Whether any fault can still strike.
    public var isActive: Bool { !armed.isEmpty || rules.contains { !$0.isSpent } }

    /// The faults of all rules.
    public var faults: [Fault] { rules.map(\.rule.fault) }

    /// The number of strikes so far.
    public var total: Int { strikes.values.reduce(0, +) }

    /// Requests a fault manually; returns its number, or `nil` at the limit.
    public mutating func arm(_ fault: Fault) -> Int? {
        guard armed.count < Self.armedLimit else { return nil }
        lastNumber += 1
        armed.append(Strike(number: lastNumber, fault: fault))
        return lastNumber
    }

    /// When the next time-triggered rule fires; `nil` without such a rule.
    public var nextMoment: Int64? { rules.filter { !$0.isSpent }.compactMap(\.next).min() }

    /// Advances the plan's time; returns the faults of streams, connections and the clock that strike now.
    public mutating func advance(to time: Int64) -> [Strike] {
        for index in rules.indices {
            while !rules[index].isSpent, let due = rules[index].next, due <= time {
                rules[index].struck += 1
                rules[index].schedule(after: due)
                _ = arm(rules[index].rule.fault)
            }
        }
        let now = armed.filter { [.stream, .connection, .clock].contains($0.fault.kind.place) }
        guard !now.isEmpty else { return [] }
        armed.removeAll { [.stream, .connection, .clock].contains($0.fault.kind.place) }
        for strike in now { strikes[strike.fault.kind, default: 0] += 1 }
        return now
    }

    /// The fault that strikes a message about to be sent on one connection; `nil` leaves it alone.
    public mutating func strike(symbol: String, channel: StreamKind) -> Strike? {
        if let index = armed.firstIndex(where: {
            $0.fault.kind.place == .message && $0.fault.strikes(symbol: symbol, channel: channel)
        }) {
            return take(armedAt: index)
        }
        return draw { $0.kind.place == .message && $0.strikes(symbol: symbol, channel: channel) }
    }

    /// The fault that strikes the book which begins a subscription; `nil` leaves it alone.
    public mutating func strike(snapshotOf symbol: String) -> Strike? {
        func applies(_ fault: Fault) -> Bool {
            fault.kind.place == .snapshot && fault.strikes(symbol: symbol, channel: .depth)
        }
        if let index = armed.firstIndex(where: { applies($0.fault) }) { return take(armedAt: index) }
        return draw(applies)
    }

    /// The fault that strikes a request; `nil` leaves it alone.
    ///
    /// - Parameter isForBook: the request asks for the book of `symbol`.
    public mutating func strike(path: String, isForBook: Bool, symbol: String?) -> Strike? {
        func applies(_ fault: Fault) -> Bool {
            fault.kind.place == .request && fault.strikes(path: path, isForBook: isForBook, symbol: symbol)
        }
        if let index = armed.firstIndex(where: { applies($0.fault) }) { return take(armedAt: index) }
        return draw(applies)
    }

    /// The fault could not be carried out: retry it at a later opportunity.
    public mutating func putBack(_ strike: Strike) {
        strikes[strike.fault.kind, default: 1] -= 1
        if armed.count < Self.armedLimit { armed.insert(strike, at: 0) }
    }

    private mutating func take(armedAt index: Int) -> Strike {
        let strike = armed.remove(at: index)
        strikes[strike.fault.kind, default: 0] += 1
        return strike
    }

    private mutating func draw(_ applies: (Fault) -> Bool) -> Strike? {
        for index in rules.indices {
            guard case .probability(let probability) = rules[index].rule.trigger, !rules[index].isSpent,
                applies(rules[index].rule.fault), rules[index].random.chance(probability)
            else { continue }
            rules[index].struck += 1
            lastNumber += 1
            strikes[rules[index].rule.fault.kind, default: 0] += 1
            return Strike(number: lastNumber, fault: rules[index].rule.fault)
        }
        return nil
    }
}
