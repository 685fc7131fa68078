import Simulation

extension FaultKind {
    /// Faults that need something which not every venue has.
    static let ofSomeVenues: Set<FaultKind> = [
        .hole, .crossed, .badChecksum, .zeroChecksum, .restart, .lateSnapshot, .staleSnapshot,
    ]

    /// What a venue lacks that cannot have the fault.
    fileprivate var need: String {
        switch self {
        case .hole: "does not number its depth updates"
        case .badChecksum: "sends no checksum"
        case .zeroChecksum: "sends no checksum, or no other than 0"
        case .restart: "has no numbers of its own for each market to begin anew"
        case .lateSnapshot: "sends no book in its stream; try stale_snapshot"
        case .staleSnapshot: "gives no book over HTTP; try late_snapshot"
        default: "cannot show it"
        }
    }
}

extension ExchangeVenue {
    /// Why the fault is none of this venue's, in one line; `nil` if it is one.
    func objection(to kind: FaultKind) -> String? {
        let own = makeAPI(ExchangeSimulator.Options()).ownFaults
        guard FaultKind.ofSomeVenues.contains(kind), !own.contains(kind) else { return nil }
        let others = FaultKind.allCases.filter(own.contains).map(\.rawValue).joined(separator: ", ")
        return "\(kind.rawValue): \(rawValue) \(kind.need); besides the faults of every venue it has \(others)"
    }
}
