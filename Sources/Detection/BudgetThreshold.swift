import Microstructure
import RealModule

/// The evidence that a signal needs, steered so that signals come at the rate of a budget.
///
/// Every signal raises the threshold by `gain` of what the calibration found, and every second lowers it by what the
/// budget's rate would have raised it. It starts where the calibration put it and never leaves half to three times that.
/// While it stays below the upper end, the number of signals over a time T exceeds `budgetPerDay·T` by at most 2.5/`gain`,
/// whatever the market does; a profile so wrong that three times its evidence is common is not bounded. It waits while
/// no data comes. Deterministic: time is receive time.
/// Source: Robbins, Monro (1951), Annals of Mathematical Statistics 22; for coverage without assumptions: Gibbs,
/// Candès (2021), Adaptive conformal inference, arXiv 2106.00170.
public struct BudgetThreshold: Sendable, Codable {
    /// Signals a day that are asked for.
    public let budgetPerDay: Double
    /// What one signal raises it by, as a share of `calibrated`; 0 leaves it there.
    public let gain: Double
    /// Where the calibration put it, in nats.
    public let calibrated: Double
    /// In nats.
    public private(set) var value: Double
    /// Signals of about the last day: each counts less by e a day after it. Time without data does not pass.
    private var recentSignals = 0.0
    private var time: Timestamp?

    /// A longer silence lowers the threshold by no more than this.
    static let longestStepNanoseconds: Int64 = 10_000_000_000

    public init(calibrated: Double, budgetPerDay: Double, gain: Double) {
        precondition(calibrated > 0 && budgetPerDay > 0 && gain >= 0)
        self.calibrated = calibrated
        self.budgetPerDay = budgetPerDay
        self.gain = gain
        value = calibrated
    }

    /// Takes the time of a vector.
    public mutating func advance(to time: Timestamp) {
        defer { self.time = time }
        guard let before = self.time else { return }
        let step = min(max(0, time.nanoseconds(since: before)), Self.longestStepNanoseconds)
        let days = Double(step) / 86_400e9
        value = max(calibrated / 2, value - gain * calibrated * budgetPerDay * days)
        recentSignals *= Double.exp(-days)
    }

    /// A signal went out.
    public mutating func spend() {
        value = min(3 * calibrated, value + gain * calibrated)
        recentSignals += 1
    }

    /// The signals of about the last day as a part of the day's budget, from 0: around 1 where the budget is kept exactly.
    public var use: Double { recentSignals / budgetPerDay }
}
