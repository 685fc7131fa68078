/// The events to inject into a recording: the members `seed` and `events` of a `SyntheticSpecification`.
public struct InjectionSpecification: Sendable, Equatable, Decodable {
    /// The same seed injects the same events.
    public var seed: UInt64
    public var events: [PlantingRule]

    public init(events: [PlantingRule], seed: UInt64 = 1) {
        self.events = events
        self.seed = seed
    }

    public init(from decoder: any Decoder) throws {
        let members = try Members(decoder, "specification", known: ["seed", "events"])
        events = try members.list("events") { decoder, place in
            try SyntheticSpecification.rule(decoder, place, nil)
        }
        guard !events.isEmpty else {
            throw SpecificationError("specification: needs 'events', a list with at least one")
        }
        seed = try members.value("seed") ?? 1
    }
}
