import Microstructure

/// Quality of the signals, traded or not.
public struct SignalSummary: Sendable, Codable {
    public struct Interval: Sendable, Equatable, Codable {
        public var low: Double
        public var high: Double

        public init?(_ range: ClosedRange<Double>?) {
            guard let range else { return nil }
            (low, high) = (range.lowerBound, range.upperBound)
        }
    }

    public struct AtTop: Sendable, Equatable, Codable {
        public var k: Int
        public var precision: Double
        public var interval: Interval?
    }

    public struct Point: Sendable, Equatable, Codable {
        public var x: Double
        public var y: Double
    }

    /// How well the score ranks hits above misses.
    public struct RankingSummary: Sendable, Equatable, Codable {
        public var areaUnderROC: Double
        /// Standard error of an area of one half: a distance of 1.96 of them is significant at 95 %.
        public var standardErrorWithoutSkill: Double
        public var averagePrecision: Double
        public var roc: [Point]
        public var precisionRecall: [Point]

        /// `nil` without both hits and misses.
        init?(scores: [Double], hits: [Bool]) {
            let ranking = Ranking(scores: scores, hits: hits)
            guard let area = ranking.areaUnderROC, let error = ranking.areaErrorWithoutSkill,
                let precision = ranking.averagePrecision
            else { return nil }
            (areaUnderROC, standardErrorWithoutSkill, averagePrecision) = (area, error, precision)
            roc = ranking.rocCurve.map { Point(x: $0.falsePositiveRate, y: $0.truePositiveRate) }
            precisionRecall = ranking.precisionRecallCurve.map { Point(x: $0.recall, y: $0.precision) }
        }

        public var isSkilled: Bool { areaUnderROC - 0.5 > 1.96 * standardErrorWithoutSkill }
    }

    /// Scores converted to probabilities by models that were not trained on the tested signals.
    public struct CrossValidation: Sendable, Equatable, Codable {
        public var folds: Int
        /// Training labels removed to prevent leakage.
        public var purged: Int
        public var calibration: Calibration
        public var ranking: RankingSummary?
        /// Decisions to act if the probability is at least the break-even win rate, compared with the hits.
        public var confusion: ConfusionMatrix
        /// Area under the ROC curve of each complete path of the combinatorial cross-validation.
        public var pathAreas: [Double]
        /// The same area for each walk-forward fold that has both hits and misses.
        public var walkForwardAreas: [Double]
    }

    public struct Leads: Sendable, Equatable, Codable {
        public var found: Int
        public var never: Int
        public var median: Double
        public var lowerQuartile: Double
        public var upperQuartile: Double
        /// Among moves found: the share of signals that came before the move.
        public var shareAhead: Double
        public var seconds: [Double]
    }

    public private(set) var count = 0
    public private(set) var labelled = 0
    /// Counts by `BarrierOutcome`.
    public private(set) var outcomes: [String: Int] = [:]
    /// Counts by `SkipReason`.
    public private(set) var skipped: [String: Int] = [:]
    /// Labels that are profitable after costs.
    public private(set) var hits = 0
    public private(set) var hitRateInterval: Interval?
    public private(set) var breakEvenWinRate: Double
    /// Mean and interval over the labels, after costs; block bootstrap, since labels overlap.
    public private(set) var meanNetReturn: Double?
    public private(set) var meanNetReturnInterval: Interval?
    public private(set) var meanGrossReturn: Double?
    /// Σ uniqueness: the number of non-overlapping labels with the same information.
    public private(set) var effectiveLabels = 0.0
    public private(set) var precisionAtTop: [AtTop] = []
    public private(set) var ranking: RankingSummary?
    /// Calibration of the raw score read as a probability, which it is not.
    public private(set) var scoreCalibration: Calibration?
    public private(set) var crossValidation: CrossValidation?
    public private(set) var leads: Leads?

    public var hitRate: Double? { labelled > 0 ? Double(hits) / Double(labelled) : nil }

    /// O(labels · (folds + paths) + resamples).
    public init(_ signals: [SignalOutcome], configuration: BacktestConfiguration) {
        count = signals.count
        breakEvenWinRate = configuration.breakEvenWinRate
        for outcome in BarrierOutcome.allCases {
            outcomes[outcome.rawValue] = signals.count { $0.label?.outcome == outcome }
        }
        for reason in SkipReason.allCases {
            let count = signals.count { $0.skipped == reason }
            if count > 0 { skipped[reason.rawValue] = count }
        }
        // In time order, so that bootstrap blocks hold neighbours.
        let cases = signals.filter { $0.label != nil }.sorted {
            ($0.timeNanoseconds, $0.id) < ($1.timeNanoseconds, $1.id)
        }
        let labels = cases.compactMap(\.label)
        let scores = cases.map(\.score)
        let right = labels.map(\.isHit)
        labelled = labels.count
        hits = right.count { $0 }
        hitRateInterval = Interval(Proportion.wilsonInterval(hits, of: labelled))
        leads = Self.leads(signals)
        guard labelled > 0 else { return }
        let spans = labels.map(\.span)
        let uniqueness = SampleWeights.averageUniqueness(spans)
        effectiveLabels = uniqueness.reduce(0, +)
        let net = labels.map(\.netReturn)
        meanNetReturn = net.reduce(0, +) / Double(labelled)
        meanGrossReturn = labels.reduce(0) { $0 + $1.grossReturn } / Double(labelled)
        let overlap = Double(labelled) / max(1, effectiveLabels)
        meanNetReturnInterval = Interval(
            Bootstrap(meanBlockLength: max(1, overlap), seed: configuration.seed).meanInterval(net))
        let order = Ranking(scores: scores, hits: right)
        precisionAtTop = [1, 3, 5, 10, 20, 50, 100, 200, 500, labelled].filter { $0 <= labelled }.reduce(into: []) {
            guard let precision = order.precision(atTop: $1), $0.last?.k != $1 else { return }
            $0.append(
                AtTop(
                    k: $1, precision: precision,
                    interval: Interval(Proportion.wilsonInterval(Int((precision * Double($1)).rounded()), of: $1))))
        }
        ranking = RankingSummary(scores: scores, hits: right)
        scoreCalibration = Calibration(forecasts: scores.map { min(1, max(0, $0)) }, hits: right)
        crossValidation = Self.validate(scores, right, spans, uniqueness, configuration)
    }

    private static func leads(_ signals: [SignalOutcome]) -> Leads? {
        let seconds = signals.compactMap(\.leadSeconds).sorted()
        guard let median = Quantile.linear(seconds, 0.5), let low = Quantile.linear(seconds, 0.25),
            let high = Quantile.linear(seconds, 0.75)
        else { return nil }
        return Leads(
            found: seconds.count, never: signals.count - seconds.count, median: median, lowerQuartile: low,
            upperQuartile: high, shareAhead: Double(seconds.count { $0 > 0 }) / Double(seconds.count), seconds: seconds)
    }

    /// Fewest labels a fold for a model to be worth testing.
    private static let labelsPerFold = 4

    private static func validate(
        _ scores: [Double], _ hits: [Bool], _ spans: [LabelSpan], _ weights: [Double],
        _ configuration: BacktestConfiguration
    ) -> CrossValidation? {
        let folds = configuration.folds
        guard scores.count >= Self.labelsPerFold * folds else { return nil }
        func ask(_ split: DataSplit) -> [Double] {
            let model = PlattScaling(
                scores: split.training.map { scores[$0] }, hits: split.training.map { hits[$0] },
                weights: split.training.map { weights[$0] })
            return split.test.map { model.probability(scores[$0]) }
        }
        func area(_ answers: [Double], _ places: [Int]) -> Double? {
            Ranking(scores: answers, hits: places.map { hits[$0] }).areaUnderROC
        }
        let splits = PurgedKFold.splits(spans, folds: folds, embargo: configuration.embargoFraction)
        var probabilities = [Double](repeating: 0, count: scores.count)
        for split in splits {
            for (place, answer) in zip(split.test, ask(split)) { probabilities[place] = answer }
        }
        let purged = splits.reduce(0) { $0 + scores.count - $1.test.count - $1.training.count }
        guard let calibration = Calibration(forecasts: probabilities, hits: hits, bins: 5) else { return nil }
        // 6 groups, 2 tested: 15 splits, 5 paths.
        var paths: [Double] = []
        if scores.count >= Self.labelsPerFold * 6 {
            let cross = CombinatorialPurgedCV(
                spans, groups: 6, tested: 2, embargo: configuration.embargoFraction)
            let answers = cross.splits.map { split in
                Dictionary(uniqueKeysWithValues: zip(split.test, ask(split)))
            }
            paths = cross.paths.compactMap { path in
                let places = cross.groups.flatMap { $0 }
                let made = path.enumerated().flatMap { group, split in
                    cross.groups[group].map { answers[split][$0] ?? 0.5 }
                }
                return area(made, places)
            }
        }
        let forward = WalkForward.splits(spans, folds: folds).compactMap { split in
            area(ask(split), split.test)
        }
        return CrossValidation(
            folds: folds, purged: purged, calibration: calibration,
            ranking: RankingSummary(scores: probabilities, hits: hits),
            confusion: ConfusionMatrix(
                scores: probabilities, hits: hits, threshold: min(1, configuration.breakEvenWinRate)),
            pathAreas: paths, walkForwardAreas: forward)
    }
}
