public import Microstructure

/// A detector of change in one series of standardised observations: the common interface of CUSUM, Page–Hinkley, ADWIN
/// and an EWMA chart, so that they are interchangeable.
///
/// Deterministic: its state is a function of the observations and their times, and encodes without loss, so a restored
/// detector continues as if it had never stopped.
public protocol ChangeDetector: Sendable, Codable {
    /// Takes one observation, in standard deviations; ignores NaN and infinities. Returns an alarm if it takes the
    /// larger side beyond `threshold`; the state after an alarm depends on the detector.
    mutating func process(_ z: Double, at time: Timestamp) -> Alarm?
    /// Forgets all observations.
    mutating func reset()
    /// Evidence for a rise after the last observation, at least 0, in the unit of `threshold`.
    var upper: Double { get }
    /// Evidence for a fall after the last observation, at least 0, in the unit of `threshold`.
    var lower: Double { get }
    /// The evidence of one side that an alarm must exceed, above 0.
    var threshold: Double { get }
}

extension ChangeDetector {
    /// The larger evidence of the two sides.
    public var larger: Double { max(upper, lower) }
}
