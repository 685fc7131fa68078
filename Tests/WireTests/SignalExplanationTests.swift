@testable import Wire
import Microstructure
import Testing

/// The words for what detectors saw.
@Suite struct SignalExplanationTests {
    private static func signal(_ evidence: [(detector: String, statistic: Double, threshold: Double)]) -> SignalDocument
    {
        var signal = SignalDocument(
            id: "1", timestamp: 1_700_000_000, signalType: "burst", score: 0.8, symbol: "BTCUSDT")
        signal.threshold = 0
        signal.evidence = evidence.enumerated().map { place, evidence in
            .init(
                detector: evidence.detector, metric: "realized_vol_5s", statistic: evidence.statistic,
                threshold: evidence.threshold, share: 0.5 / Double(place + 1))
        }
        return signal
    }

    /// Only what is beyond its threshold is said to have risen, fallen or jumped, and is counted.
    @Test func belowItsThresholdNothingHasJumped() {
        let explanation = SignalExplanation(
            Self.signal([("burst", 3.1, 2.5), ("cusum", -1.28, 3), ("burst", -0.05, 2.5), ("cusum", 4, 3)]))
        #expect(
            explanation.summary.contains("2 of 4 detectors are beyond their thresholds. First of all: The realised"))
        #expect(!explanation.summary.contains("exceed 0"))
        let texts = explanation.findings.map(\.text)
        #expect(texts.map { $0.contains("jumped") } == [true, false, false, false])
        #expect(texts.map { $0.contains("persistently") } == [false, false, false, true])
        #expect(texts[1].contains("its CUSUM down stands at 1.28 standard deviations, below its threshold 3"))
        #expect(texts[2].contains("is 0.05 standard deviations below its mean, threshold 2.5"))
        #expect(texts.allSatisfy { $0.first?.isUppercase == true })
    }

    /// A column's meaning is the one that it declares; what no schema declares is called by its name.
    @Test func meaningsAreTheDeclaredOnes() {
        let signal = Self.signal([("burst", 3, 2.5)])
        #expect(SignalExplanation(signal).findings[0].meaning == "the realised volatility over 5 s")
        let column = Column("realized_vol_5s", source: .trades, unit: .one, meaning: "the newest of volatilities")
        let other = FeatureSchema(columns: [column], id: 1)
        #expect(
            SignalExplanation(signal, schema: other).findings[0].text.hasPrefix("The newest of volatilities jumped"))
        let none = FeatureSchema(columns: [], id: 2)
        #expect(SignalExplanation(signal, schema: none).findings[0].meaning == "realized_vol_5s")
    }

    @Test func oneDetectorOrNoneIsSaidSo() {
        #expect(SignalExplanation(Self.signal([("burst", 3, 2.5)])).summary.contains("One detector speaks for it. The"))
        #expect(
            SignalExplanation(Self.signal([("burst", 2, 2.5), ("cusum", 1, 3)])).summary
                .contains("No detector is beyond its own threshold"))
        #expect(SignalExplanation(Self.signal([])).summary.contains("a program posted it"))
    }
}
