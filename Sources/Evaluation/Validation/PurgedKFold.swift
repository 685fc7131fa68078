/// Cross-validation of labels that span time: each fold of neighbouring labels is tested once. Labels that overlap the
/// fold, or start within the embargo after it, are not used for training.
/// Source: López de Prado (2018), Advances in Financial Machine Learning, ch. 7.
public enum PurgedKFold {
    /// - Parameters:
    ///   - folds: 2 to the number of labels.
    ///   - embargo: share of the time from the first start to the last end, in [0, 1).
    public static func splits(_ spans: [LabelSpan], folds: Int, embargo: Double = 0.01) -> [DataSplit] {
        let groups = LabelGroups(spans, count: folds, embargo: embargo)
        return (0..<folds).map { fold in groups.split(test: [fold], training: (0..<folds).filter { $0 != fold }) }
    }
}

/// Folds in time order: each is tested with models trained on earlier folds.
public enum WalkForward {
    /// - Parameters:
    ///   - folds: 2 to the number of labels; the first is only for training.
    ///   - window: number of preceding folds to train on; `nil` uses all of them.
    public static func splits(_ spans: [LabelSpan], folds: Int, window: Int? = nil) -> [DataSplit] {
        precondition(window.map { $0 > 0 } ?? true)
        let groups = LabelGroups(spans, count: folds, embargo: 0)
        return (1..<folds).map { fold in
            groups.split(test: [fold], training: Array(max(0, fold - (window ?? fold))..<fold))
        }
    }
}
