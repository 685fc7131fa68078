public import Wire

/// Where a symbol's detectors stand, on its way to the bus.
public struct DetectorReport: Sendable {
    public let topic: Topic
    public let state: ProtoDetectorState

    public init(topic: Topic, state: ProtoDetectorState) {
        self.topic = topic
        self.state = state
    }
}
