/// One rule of a fault plan: a fault and its trigger.
public struct FaultRule: Sendable, Hashable {
    public enum Trigger: Sendable, Hashable {
        /// With this probability at each message or request that the fault can strike.
        case probability(Double)
        /// At random moments (a Poisson process) at this rate a minute; then at the next opportunity.
        case perMinute(Double)
        /// At these moments, in seconds since the start; then at the next opportunity.
        case atSeconds([Double])
    }

    public var fault: Fault
    public var trigger: Trigger
    /// The most strikes; `nil` has no limit.
    public var limit: Int?

    public init(_ fault: Fault, _ trigger: Trigger, limit: Int? = nil) {
        self.fault = fault
        self.trigger = trigger
        self.limit = limit
    }
}

/// The mistake in a fault file, in one line.
public struct FaultFileError: Error, Sendable, Hashable, CustomStringConvertible {
    public let description: String

    init(_ description: String) { self.description = description }
}

extension FaultPlan: Decodable {
    /// `{"seed": 7, "faults": [{"fault": "drop", "channel": "depth", "probability": 0.01}, …]}`.
    public init(from decoder: any Decoder) throws {
        let container = try decoder.container(keyedBy: MemberName.self)
        if let unknown = container.allKeys.map(\.stringValue).filter({ !["seed", "faults"].contains($0) }).min() {
            throw FaultFileError("unknown member '\(unknown)'; known are faults, seed")
        }
        let seed = try container.decodeIfPresent(UInt64.self, forKey: MemberName("seed")) ?? 1
        self.init(seed: seed, rules: try container.decode([FaultRule].self, forKey: MemberName("faults")))
    }
}

extension FaultRule: Decodable {
    public init(from decoder: any Decoder) throws {
        let container = try decoder.container(keyedBy: MemberName.self)
        let fault = try Fault(from: decoder)
        let probability = try container.decodeIfPresent(Double.self, forKey: MemberName("probability"))
        let rate = try container.decodeIfPresent(Double.self, forKey: MemberName("perMinute"))
        let moments = try container.decodeIfPresent([Double].self, forKey: MemberName("atSeconds"))
        let limit = try container.decodeIfPresent(Int.self, forKey: MemberName("limit"))
        let name = fault.kind.rawValue
        if let limit, limit < 1 { throw FaultFileError("\(name): limit \(limit) is below 1") }
        switch (probability, rate, moments) {
        case (let probability?, nil, nil):
            guard (0...1).contains(probability) else {
                throw FaultFileError("\(name): probability \(probability) is outside 0…1")
            }
            guard [.message, .snapshot, .request].contains(fault.kind.place) else {
                throw FaultFileError(
                    "\(name): needs perMinute or atSeconds; probability is for messages, snapshots and requests")
            }
            self.init(fault, .probability(probability), limit: limit)
        case (nil, let rate?, nil):
            guard rate > 0, rate <= 60_000 else {
                throw FaultFileError("\(name): perMinute \(rate) is outside 0…60000")
            }
            self.init(fault, .perMinute(rate), limit: limit)
        case (nil, nil, let moments?):
            guard !moments.isEmpty, moments.allSatisfy({ (0...1e9).contains($0) }) else {
                throw FaultFileError("\(name): atSeconds needs moments of 0 or more")
            }
            self.init(fault, .atSeconds(moments), limit: limit ?? moments.count)
        default:
            throw FaultFileError("\(name): needs exactly one of probability, perMinute, atSeconds")
        }
    }
}

extension Fault: Decodable {
    private static let names: Set<String> = [
        "fault", "symbol", "channel", "path", "count", "milliseconds", "seconds", "code", "status", "bytes", "ppm",
        "probability", "perMinute", "atSeconds", "limit",
    ]

    /// A single fault, as the control endpoint takes it; triggers are ignored.
    public init(from decoder: any Decoder) throws {
        let container = try decoder.container(keyedBy: MemberName.self)
        if let unknown = container.allKeys.map(\.stringValue).filter({ !Self.names.contains($0) }).min() {
            throw FaultFileError(
                "unknown member '\(unknown)'; known are \(Self.names.sorted().joined(separator: ", "))")
        }
        guard let name = try container.decodeIfPresent(String.self, forKey: MemberName("fault")) else {
            throw FaultFileError("a fault needs the member 'fault'")
        }
        guard let kind = FaultKind(rawValue: name) else {
            let known = FaultKind.allCases.map(\.rawValue).joined(separator: ", ")
            throw FaultFileError("unknown fault '\(name)'; known are \(known)")
        }
        self.init(kind)
        func number<Value: Decodable & Comparable>(
            _ member: String, _ range: ClosedRange<Value>, _ place: WritableKeyPath<Fault, Value>
        ) throws {
            guard let value = try container.decodeIfPresent(Value.self, forKey: MemberName(member)) else { return }
            guard range.contains(value) else {
                throw FaultFileError("\(name): \(member) \(value) is outside \(range.lowerBound)…\(range.upperBound)")
            }
            self[keyPath: place] = value
        }
        symbol = try container.decodeIfPresent(String.self, forKey: MemberName("symbol"))?.uppercased()
        if let text = try container.decodeIfPresent(String.self, forKey: MemberName("channel")) {
            guard let known = StreamKind(channelName: text) else {
                throw FaultFileError("\(name): unknown channel '\(text)'; known are depth, trade, bookTicker")
            }
            guard channel == nil || channel == known else { throw FaultFileError("\(name): strikes depth alone") }
            channel = known
        }
        path = try container.decodeIfPresent(String.self, forKey: MemberName("path")) ?? path
        try number("count", 1...1_000_000, \.count)
        try number("milliseconds", -86_400_000...86_400_000, \.milliseconds)
        try number("seconds", 0.001...86_400, \.seconds)
        try number("code", 1_000...4_999, \.code)
        try number("status", 400...599, \.status)
        try number("bytes", 1...(64 << 20), \.bytes)
        try number("ppm", -1e6...1e6, \.ppm)
    }
}
