public import Detection
public import Microstructure

// Feature vectors and signals ↔ their messages.

extension ProtoFeatureVector {
    /// Most values that a reader takes.
    public static let valueLimit = 4_096

    public init(_ header: FeatureHeader, values: [Double], schema: UInt64, sourceEpoch: UInt64) {
        self.init()
        schemaID = schema
        self.values = values
        venueTimeNs = header.times.venue.nanoseconds
        receiveTimeNs = header.times.receive.nanoseconds
        validity = header.validity.proto
        bookEpoch = header.epoch
        self.sourceEpoch = sourceEpoch
    }
}

extension FeatureHeader {
    public init(_ proto: ProtoFeatureVector, instrument: InstrumentID) throws(WireError) {
        guard proto.values.count <= ProtoFeatureVector.valueLimit else { throw .invalidField("values") }
        self.init(
            instrument: instrument,
            times: EventTimes(
                venue: Timestamp(nanoseconds: proto.venueTimeNs), receive: Timestamp(nanoseconds: proto.receiveTimeNs)),
            epoch: proto.bookEpoch, validity: try Validity(proto.validity))
    }
}

extension ProtoSignal {
    public init(_ signal: Signal) {
        self.init()
        id = signal.id
        venue = signal.venue.rawValue
        symbol = signal.symbol
        type = signal.type.rawValue
        metric = signal.feature
        switch signal.direction {
        case .up: direction = .up
        case .down: direction = .down
        case .unsided: direction = .unspecified
        }
        score = signal.score
        threshold = signal.threshold
        if !signal.probability.isNaN { probability = signal.probability }
        onsetTimeNs = signal.onset.nanoseconds
        detectedTimeNs = signal.detected.nanoseconds
        venueTimeNs = signal.venueTime.nanoseconds
        evidence = signal.evidence.map { part in
            var proto = ProtoEvidence()
            proto.detector = part.detector
            proto.metric = part.feature
            proto.statistic = part.statistic
            proto.threshold = part.threshold
            proto.share = part.share
            if let horizon = part.horizonSeconds { proto.horizonS = UInt32(clamping: horizon) }
            if let factor = part.factor { proto.factor = factor }
            return proto
        }
        validity = signal.validity.proto
        bookEpoch = signal.bookEpoch
        if let error = signal.clockErrorNanoseconds { clockErrorNs = error }
        if let kind = signal.subtype { subtype = kind.rawValue }
        if !signal.subtypeProbability.isNaN { subtypeProbability = signal.subtypeProbability }
    }
}
