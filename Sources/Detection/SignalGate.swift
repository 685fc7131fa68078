import Microstructure

/// Results for the candidates of one signal type. `candidates` is always the sum of the other three.
public struct SignalCounts: Sendable, Hashable, Codable {
    /// Vectors in which at least one detector of the type alarmed.
    public var candidates: UInt64 = 0
    public var emitted: UInt64 = 0
    /// The score did not exceed the dynamic threshold.
    public var suppressedByThreshold: UInt64 = 0
    /// The score did, but the last signal of the type was too recent.
    public var suppressedByCooldown: UInt64 = 0

    public init() {}
}

/// Decides which candidates of one signal type become signals, and counts all of them.
struct SignalGate: Sendable, Codable {
    let type: SignalType
    /// At least 1: two signals of a type never share a detected time, which makes their ids unique.
    let cooldownNanoseconds: Int64
    private(set) var counts = SignalCounts()
    private var lastEmitted: Timestamp?

    init(type: SignalType, cooldownSeconds: Double) {
        self.type = type
        cooldownNanoseconds = max(1, Int64((cooldownSeconds * 1e9).rounded()))
    }

    /// A signal exactly `cooldownNanoseconds` after the last one passes; one with an earlier time does not.
    mutating func admit(score: Double, threshold: Double, at time: Timestamp) -> Bool {
        counts.candidates += 1
        guard score > threshold else {
            counts.suppressedByThreshold += 1
            return false
        }
        if let lastEmitted, time.nanoseconds(since: lastEmitted) < cooldownNanoseconds {
            counts.suppressedByCooldown += 1
            return false
        }
        counts.emitted += 1
        lastEmitted = time
        return true
    }
}
