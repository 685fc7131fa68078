import Evaluation
import Foundation
import Microstructure
import Testing

/// Every metric against what numpy, scipy and scikit-learn say: `Oracle/metric_vectors.py` makes the vectors, and
/// `make test-oracle` makes them anew and compares.
@Suite struct MetricVectorTests {
    private static let tolerance = 1e-9

    @Test func normalDistribution() throws {
        for point in try Vectors.load().normal {
            #expect(close(NormalDistribution.quantile(point.p), point.x), "quantile of \(point.p)")
            #expect(close(NormalDistribution.cumulative(point.x), point.back))
        }
        #expect(NormalDistribution.quantile(0) == -.infinity && NormalDistribution.quantile(1) == .infinity)
        #expect(NormalDistribution.quantile(1.1).isNaN)
    }

    @Test func classification() throws {
        for set in try Vectors.load().classification {
            let ranking = Ranking(scores: set.scores, hits: set.hits)
            #expect(close(ranking.areaUnderROC, set.auc))
            #expect(close(ranking.averagePrecision, set.averagePrecision))
            #expect(close(ranking.rocCurve.map(\.falsePositiveRate), set.fpr))
            #expect(close(ranking.rocCurve.map(\.truePositiveRate), set.tpr))
            // sklearn gives the precision-recall curve without the points behind full recall.
            let curve = ranking.precisionRecallCurve
            #expect(curve.count >= set.recall.count)
            #expect(close(Array(curve.map(\.recall).prefix(set.recall.count)), set.recall))
            #expect(close(Array(curve.map(\.precision).prefix(set.recall.count)), set.precision))
            for (k, share) in set.precisionAt {
                #expect(close(ranking.precision(atTop: try #require(Int(k))), share), "precision at \(k)")
            }
            #expect(ranking.precision(atTop: set.scores.count + 1) == nil)
            let matrix = ConfusionMatrix(scores: set.scores, hits: set.hits, threshold: 0.5)
            let counts = [
                matrix.truePositives, matrix.falsePositives, matrix.trueNegatives, matrix.falseNegatives,
            ]
            #expect(counts == set.confusion)
            #expect(close(matrix.f1, set.f1) && close(matrix.accuracy, set.accuracy))
            #expect(close(matrix.matthewsCorrelation ?? 0, set.mcc))
        }
    }

    @Test func calibration() throws {
        for set in try Vectors.load().calibration {
            let made = try #require(Calibration(forecasts: set.forecasts, hits: set.hits, bins: 10))
            #expect(close(made.bins.map(\.meanForecast), set.means))
            #expect(close(made.bins.map(\.frequency), set.frequencies))
            #expect(close(made.brierScore, set.brier) && close(made.reliability, set.reliability))
            #expect(close(made.resolution, set.resolution) && close(made.uncertainty, set.uncertainty))
            #expect(close(made.withinBins, set.within) && close(made.expectedCalibrationError, set.ece))
        }
        #expect(Calibration(forecasts: [], hits: []) == nil)
    }

    @Test func returns() throws {
        for set in try Vectors.load().returns {
            let made = ReturnStatistics(set.returns)
            #expect(close(made.mean, set.mean) && close(made.deviation, set.deviation))
            #expect(close(made.skewness, set.skewness) && close(made.kurtosis, set.kurtosis))
            #expect(close(made.sharpeRatio, set.sharpe) && close(made.sortinoRatio, set.sortino))
            #expect(close(made.probabilisticSharpeRatio(), set.psr))
            let best = ReturnStatistics.expectedMaximumSharpe(
                trials: set.trials, sharpeDeviation: set.sharpeDeviation)
            #expect(close(best, set.expectedMaximum))
            #expect(
                close(
                    made.deflatedSharpeRatio(trials: set.trials, sharpeDeviation: set.sharpeDeviation), set.dsr))
            #expect(close(made.minimumTrackRecord(), set.minTrackRecord))
            var drawdown = Drawdown()
            for (second, equity) in set.equity.enumerated() { drawdown.add(equity, atSeconds: Double(second)) }
            #expect(close(drawdown.maximum, set.drawdown))
            #expect(close(drawdown.longestSeconds, set.drawdownLength))
        }
    }

    @Test func undefinedRatiosAreAbsent() {
        #expect(ReturnStatistics([]).sharpeRatio == nil && ReturnStatistics([0.1]).sharpeRatio == nil)
        #expect(ReturnStatistics([0.1, 0.1]).sharpeRatio == nil && ReturnStatistics([0.1, 0.2]).sortinoRatio == nil)
        #expect(ReturnStatistics.expectedMaximumSharpe(trials: 1, sharpeDeviation: 1) == 0)
        #expect(Ranking(scores: [1, 2], hits: [true, true]).areaUnderROC == nil)
    }

    @Test func overfitting() throws {
        for set in try Vectors.load().overfitting {
            let made = try #require(BacktestOverfitting(returns: set.returns, blocks: set.blocks))
            #expect(made.halves == set.halves && made.trials == set.returns.count)
            #expect(close(made.probability, set.pbo) && close(made.probabilityOfLoss, set.loss))
        }
        #expect(BacktestOverfitting(returns: [[1, 2, 3, 4]], blocks: 2) == nil)
    }

    @Test func bootstrap() throws {
        for set in try Vectors.load().bootstrap {
            let made = try #require(
                Bootstrap(resamples: 500, meanBlockLength: set.block, seed: set.seed).meanInterval(set.values))
            #expect(close(made.lowerBound, set.low) && close(made.upperBound, set.high))
        }
    }

    @Test func uniqueness() throws {
        for set in try Vectors.load().uniqueness {
            let spans = zip(set.start, set.end).map {
                LabelSpan(start: Timestamp(nanoseconds: $0), end: Timestamp(nanoseconds: $1))
            }
            #expect(close(SampleWeights.averageUniqueness(spans), set.uniqueness))
        }
        let moment = LabelSpan(start: Timestamp(nanoseconds: 5), end: Timestamp(nanoseconds: 5))
        #expect(SampleWeights.averageUniqueness([moment]) == [1])
    }

    @Test func logistic() throws {
        for set in try Vectors.load().logistic {
            let made = PlattScaling(scores: set.x, hits: set.hits, weights: set.weights)
            #expect(close(made.intercept, set.intercept) && close(made.slope, set.slope))
        }
    }

    private func close(_ made: Double?, _ expected: Double?) -> Bool {
        guard let made, let expected else { return made == nil && expected == nil }
        return abs(made - expected) <= Self.tolerance * max(1, abs(expected))
    }

    private func close(_ made: [Double], _ expected: [Double]) -> Bool {
        made.count == expected.count && zip(made, expected).allSatisfy { close($0, $1) }
    }
}

/// `Vectors/metrics.json`.
private struct Vectors: Decodable {
    struct Normal: Decodable { let p, x, back: Double }
    struct Classification: Decodable {
        let scores: [Double], hits: [Bool], fpr, tpr, precision, recall: [Double]
        let auc, averagePrecision, f1, mcc, accuracy: Double
        let precisionAt: [String: Double], confusion: [Int]
    }
    struct Reliability: Decodable {
        let forecasts: [Double], hits: [Bool], means, frequencies: [Double]
        let brier, reliability, resolution, uncertainty, within, ece: Double
    }
    struct Returns: Decodable {
        let returns, equity: [Double], trials: Int
        let sharpeDeviation, mean, deviation, skewness, kurtosis, sharpe, sortino, psr, expectedMaximum, dsr: Double
        let minTrackRecord: Double?
        let drawdown, drawdownLength: Double
    }
    struct Overfitting: Decodable { let returns: [[Double]], blocks: Int, pbo, loss: Double, halves: Int }
    struct Resampling: Decodable { let values: [Double], block: Double, seed: UInt64, low, high: Double }
    struct Uniqueness: Decodable { let start, end: [Int64], uniqueness: [Double] }
    struct Logistic: Decodable { let x: [Double], hits: [Bool], weights: [Double], intercept, slope: Double }

    let normal: [Normal]
    let classification: [Classification]
    let calibration: [Reliability]
    let returns: [Returns]
    let overfitting: [Overfitting]
    let bootstrap: [Resampling]
    let uniqueness: [Uniqueness]
    let logistic: [Logistic]

    static func load() throws -> Vectors {
        let path = URL(filePath: #filePath).deletingLastPathComponent().appending(path: "Vectors/metrics.json")
        let decoder = JSONDecoder()
        decoder.keyDecodingStrategy = .convertFromSnakeCase
        return try decoder.decode(Vectors.self, from: Data(contentsOf: path))
    }
}
