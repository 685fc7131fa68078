extension Profile {
    /// A member whose effect depends on the other members.
    public enum DependentMember: String, Sendable, CaseIterable {
        case driftThreshold = "drift_threshold"
        case cusumDrift = "cusum_drift"
        case ewmaWeight = "ewma_weight"
        case adwinDelta = "adwin_delta"
        case burstThreshold = "burst_threshold"
        case regimeThreshold = "regime_threshold"
        case dynamicThresholdWindow = "dynamic_threshold_window"
        case dynamicThresholdQuantile = "dynamic_threshold_quantile"
        case signalsPerDay = "signals_per_day"
    }

    /// Why setting `member` would change nothing in this profile, and what would; `nil` if it has an effect.
    public func ineffectiveness(of member: DependentMember) -> String? {
        switch member {
        case .driftThreshold: unusedThreshold(of: [.cusum, .pageHinkley, .ewma])
        case .burstThreshold: unusedThreshold(of: [.burst])
        case .regimeThreshold: unusedThreshold(of: [.regime])
        case .cusumDrift: lacksDetector([.cusum, .pageHinkley])
        case .ewmaWeight: lacksDetector([.ewma])
        case .adwinDelta: lacksDetector([.adwin])
        case .dynamicThresholdWindow, .dynamicThresholdQuantile: budget == nil ? nil : keepsBudget
        case .signalsPerDay: fixedRate
        }
    }

    private var keepsBudget: String {
        "the profile \(name) keeps to a budget of signals a day and has no thresholds of its own; set the signals a day, "
            + "or take the profile classic"
    }

    private var fixedRate: String? {
        guard let budget else {
            return "the profile \(name) has thresholds and no budget of signals a day; set the drift, burst or regime "
                + "threshold, or take the profile calibrated"
        }
        return budget.gain > 0
            ? nil : "the profile \(name) keeps its threshold fixed (gain 0); calibrate it for the wanted signals a day"
    }

    private func unusedThreshold(of kinds: Set<DetectorKind>) -> String? {
        guard budget == nil else { return keepsBudget }
        if let reason = lacksDetector(kinds) { return reason }
        return detectors.contains { kinds.contains($0.name.kind) && $0.threshold == nil }
            ? nil
            : "each such detector of the profile \(name) has a threshold of its own; change it in the profile's file"
    }

    private func lacksDetector(_ kinds: Set<DetectorKind>) -> String? {
        guard !detectors.contains(where: { kinds.contains($0.name.kind) }) else { return nil }
        let names = kinds.map(\.rawValue).sorted().joined(separator: ", ")
        return "the profile \(name) has no detector that it applies to (\(names)); take another profile"
    }
}
