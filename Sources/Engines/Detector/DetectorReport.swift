import Wire

/// The state of a symbol's detectors, on its way to the bus.
package struct DetectorReport: Sendable {
    package let topic: Topic
    package let state: ProtoDetectorState

    package init(topic: Topic, state: ProtoDetectorState) {
        self.topic = topic
        self.state = state
    }
}
