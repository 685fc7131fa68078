/// Counts loss exactly: follows the sequence of each topic and classifies each arrival.
///
/// At every hop, sent = received + lost. Sequences are contiguous from 1 per topic and producer epoch.
public struct SequenceTracker: Sendable {
    public enum Arrival: Sendable, Equatable {
        /// The message that was due.
        case next
        /// This many messages before it never came.
        case lost(UInt64)
        /// The producer restarted; this many of its first messages were missed. How many more the old producer sent is
        /// unknown.
        case restarted(missed: UInt64)
        /// The first message ever seen on the topic; this many were sent before we listened.
        case first(missed: UInt64)
        /// A repeated older message, or one from a replaced producer.
        case duplicate
    }

    /// Totals over all topics.
    public struct Counts: Sendable, Equatable {
        public var received: UInt64 = 0
        public var lost: UInt64 = 0
        /// Sent before this consumer had joined; not loss, but not received either.
        public var missedAtJoin: UInt64 = 0
        public var restarts: UInt64 = 0
        public var duplicates: UInt64 = 0
        /// Messages of topics beyond `topicLimit`; delivered, but their loss is not followed.
        public var untracked: UInt64 = 0

        public init() {}
    }

    private struct Position {
        var epoch: UInt64
        var sequence: UInt64
    }

    /// Most topics tracked. Fits a signal type and four tick kinds per symbol of the largest venue several times.
    public static let topicLimit = 65_536

    public private(set) var counts = Counts()
    private var positions: [[UInt8]: Position] = [:]

    public init() {}

    /// O(1). `epoch` is the producer's start in nanoseconds, so that a later producer has a larger one.
    public mutating func process(topic: [UInt8], epoch: UInt64, sequence: UInt64) -> Arrival {
        guard let index = positions.index(forKey: topic) else {
            guard positions.count < Self.topicLimit else {
                counts.received += 1
                counts.untracked += 1
                return .next
            }
            positions[topic] = Position(epoch: epoch, sequence: sequence)
            let missed = sequence &- 1
            counts.received += 1
            counts.missedAtJoin &+= missed
            return .first(missed: missed)
        }
        let position = positions.values[index]
        if epoch > position.epoch {
            positions.values[index] = Position(epoch: epoch, sequence: sequence)
            let missed = sequence &- 1
            counts.received += 1
            counts.restarts += 1
            counts.lost &+= missed
            return .restarted(missed: missed)
        }
        guard epoch == position.epoch, sequence > position.sequence else {
            counts.duplicates += 1
            return .duplicate
        }
        let lost = sequence - position.sequence - 1
        positions.values[index].sequence = sequence
        counts.received += 1
        counts.lost &+= lost
        return lost == 0 ? .next : .lost(lost)
    }
}
