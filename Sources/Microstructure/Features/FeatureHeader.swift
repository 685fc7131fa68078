/// What a feature vector says about itself; its numbers lie in `FeatureEngine.values`.
public struct FeatureHeader: Sendable, Hashable {
    public var instrument: InstrumentID
    /// Of the event that wrote the vector, as that event carried them.
    public var times: EventTimes
    /// The life of the book that the book columns come from.
    public var epoch: UInt64
    public var validity: Validity

    public init(instrument: InstrumentID, times: EventTimes, epoch: UInt64, validity: Validity) {
        self.instrument = instrument
        self.times = times
        self.epoch = epoch
        self.validity = validity
    }
}
