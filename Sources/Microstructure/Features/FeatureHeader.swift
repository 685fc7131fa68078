/// Metadata of a feature vector, whose values are in `FeatureEngine.values`.
public struct FeatureHeader: Sendable, Hashable {
    public var instrument: InstrumentID
    /// The times of the event that wrote the vector, unchanged.
    public var times: EventTimes
    /// The epoch of the book behind the book columns.
    public var epoch: UInt64
    public var validity: Validity

    public init(instrument: InstrumentID, times: EventTimes, epoch: UInt64, validity: Validity) {
        self.instrument = instrument
        self.times = times
        self.epoch = epoch
        self.validity = validity
    }
}
