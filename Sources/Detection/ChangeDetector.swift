public import Microstructure

/// A detector of change in one series of standardised observations: the part that CUSUM, Page–Hinkley, ADWIN and an
/// EWMA chart have in common, so that one can take another's place.
///
/// Deterministic: its state is a function of the observations and their times, and encodes without loss, so that a
/// restored detector goes on as if it had never stopped.
public protocol ChangeDetector: Sendable, Codable {
    /// Takes one observation, in standard deviations; NaN and infinities are ignored. Returns an alarm where it carries
    /// the larger side beyond `threshold`; what is kept after an alarm is the detector's own affair.
    mutating func process(_ z: Double, at time: Timestamp) -> Alarm?
    /// Forgets all observations.
    mutating func reset()
    /// Evidence for a rise after the last observation, at least 0, in the unit of `threshold`.
    var upper: Double { get }
    /// Evidence for a fall after the last observation, at least 0, in the unit of `threshold`.
    var lower: Double { get }
    /// What the evidence of one side must exceed for an alarm, above 0.
    var threshold: Double { get }
}

extension ChangeDetector {
    /// The evidence of the side for which more speaks.
    public var larger: Double { max(upper, lower) }
}
