import Microstructure
import RealModule

/// The evidence that a signal needs, controlled so that signals come at the budget's rate.
///
/// Every signal raises the threshold by `gain` of its calibrated value; every second lowers it by the rise that the
/// budget's rate would have caused. It starts at the calibrated value and stays within half to three times that value.
/// While it stays below the upper end, the number of signals over a time T exceeds `budgetPerDay·T` by at most
/// 2.5/`gain`, whatever the market does; there is no bound if the profile is so wrong that three times its evidence is
/// common. It pauses while no data arrives. Deterministic: time is receive time.
/// Source: Robbins, Monro (1951), Annals of Mathematical Statistics 22; for coverage without assumptions: Gibbs,
/// Candès (2021), Adaptive conformal inference, arXiv 2106.00170.
public struct BudgetThreshold: Sendable, Codable {
    /// Target number of signals a day.
    public let budgetPerDay: Double
    /// Rise of the threshold at one signal, as a share of `calibrated`; 0 keeps the threshold fixed.
    public let gain: Double
    /// Calibrated threshold, in nats.
    public let calibrated: Double
    /// Current threshold, in nats.
    public private(set) var value: Double
    /// Signals of about the last day: the weight of each falls by a factor e a day. Time without data does not count.
    private var recentSignals = 0.0
    private var time: Timestamp?

    /// A longer silence counts as this long when it lowers the threshold.
    static let longestStepNanoseconds: Int64 = 10_000_000_000

    public init(calibrated: Double, budgetPerDay: Double, gain: Double) {
        precondition(calibrated > 0 && budgetPerDay > 0 && gain >= 0)
        self.calibrated = calibrated
        self.budgetPerDay = budgetPerDay
        self.gain = gain
        value = calibrated
    }

    /// Advances to the time of a vector.
    public mutating func advance(to time: Timestamp) {
        defer { self.time = time }
        guard let before = self.time else { return }
        let step = min(max(0, time.nanoseconds(since: before)), Self.longestStepNanoseconds)
        let days = Double(step) / 86_400e9
        value = max(calibrated / 2, value - gain * calibrated * budgetPerDay * days)
        recentSignals *= Double.exp(-days)
    }

    /// Records a published signal.
    public mutating func spend() {
        value = min(3 * calibrated, value + gain * calibrated)
        recentSignals += 1
    }

    /// Signals of about the last day as a share of the day's budget, from 0: around 1 if the budget is kept exactly.
    public var use: Double { recentSignals / budgetPerDay }
}
