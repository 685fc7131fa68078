public import Detection
public import Microstructure

extension ProtoDetectorState {
    /// The state of `bank` after the vector that `header` describes.
    public init(_ bank: DetectorBank, header: FeatureHeader) {
        self.init()
        detectors = bank.statistics.map { statistic in
            var standing = ProtoDetectorStanding()
            standing.detector = statistic.detector
            standing.metric = statistic.feature
            standing.statistic = statistic.statistic
            standing.threshold = statistic.threshold
            return standing
        }
        score = bank.score
        dynamicThreshold = bank.dynamicThreshold
        if let use = bank.budgetUse { budgetUse = use }
        let tally = bank.counts
        counts = tally.byType.map { entry in
            var counts = ProtoCandidateCounts()
            counts.type = entry.type.rawValue
            counts.candidates = entry.counts.candidates
            counts.emitted = entry.counts.emitted
            counts.suppressedByThreshold = entry.counts.suppressedByThreshold
            counts.suppressedByCooldown = entry.counts.suppressedByCooldown
            return counts
        }
        vectorCount = tally.vectors
        invalidVectorCount = tally.ignoredInvalid
        receiveTimeNs = header.times.receive.nanoseconds
        venueTimeNs = header.times.venue.nanoseconds
        validity = header.validity.proto
    }
}
