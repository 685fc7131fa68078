import Detection
import Microstructure
import Testing

@Suite struct DetectorBankTests {
    private let second: Int64 = 1_000_000_000

    /// Two observations make the standardiser of `imbalance_10` say mean 2/3, deviation √½ (see StandardiserTests).
    private static let quick = Profile(standardiserHalfLifeObservations: 1, standardiserWarmUpObservations: 2)
    private static func imbalance(_ z: Double) -> Double { 2.0 / 3 + z * 0.5.squareRoot() }

    @Test func burstByHand() throws {
        var bench = try BankBench()
        // r = 2 and r = 1: q = 5.
        let signals = bench.feed(["volume_z_1s": 5, "volume_z_5s": 2.5, "hour": 23], nanoseconds: 77)
        #expect(
            signals == [
                Signal(
                    id: "000000000000004d-BTCUSDT-burst", venue: .binance, symbol: "BTCUSDT", type: .burst,
                    feature: "volume_z_1s", direction: .unsided, score: 5.0 / 6, threshold: 0, probability: .nan,
                    onset: Timestamp(nanoseconds: 77), detected: Timestamp(nanoseconds: 77),
                    venueTime: Timestamp(nanoseconds: 70),
                    evidence: [
                        Evidence(
                            detector: "burst", feature: "volume_z_1s", statistic: 5, threshold: 2.5, share: 4.0 / 6),
                        Evidence(
                            detector: "burst", feature: "volume_z_5s", statistic: 2.5, threshold: 2.5, share: 1.0 / 6),
                    ],
                    validity: .valid, clockErrorNanoseconds: nil, bookEpoch: 1)
            ])
        #expect(bench.bank.counts.alarms == 1)
        #expect(bench.bank.score == 5.0 / 6)
        #expect(bench.bank.dynamicThreshold == 5.0 / 6)
    }

    @Test(arguments: [(4.0, Direction.up), (-4.0, .down)])
    func driftByHand(z: Double, direction: Direction) throws {
        var bench = try BankBench(Self.quick)
        #expect(bench.feed(["imbalance_10": 0], nanoseconds: 1).isEmpty)
        #expect(bench.feed(["imbalance_10": 1], nanoseconds: 2).isEmpty)
        // S = 3.5 against 3: weight 49/36, score 49/85.
        let signal = try #require(bench.feed(["imbalance_10": Self.imbalance(z)], nanoseconds: 3).first)
        #expect(signal.type == .drift && signal.feature == "imbalance_10" && signal.direction == direction)
        #expect(abs(signal.score - 49.0 / 85) < 1e-12)
        #expect(signal.onset == Timestamp(nanoseconds: 3))
        let evidence = try #require(signal.evidence.first)
        #expect(signal.evidence.count == 1 && evidence.detector == "cusum" && evidence.threshold == 3)
        #expect(abs(evidence.statistic - (z > 0 ? 3.5 : -3.5)) < 1e-12)
        #expect(evidence.share == signal.score)
        let shown = try #require(bench.statistic("imbalance_10"))
        #expect(shown == evidence.statistic)
    }

    @Test func aWiderSpreadIsADriftWithoutASide() throws {
        var bench = try BankBench(Self.quick)
        bench.feed(["spread_compression": 0], nanoseconds: 1)
        bench.feed(["spread_compression": 1], nanoseconds: 2)
        let signal = try #require(
            bench.feed(["spread_compression": Self.imbalance(-4)], nanoseconds: 3).first)
        #expect(signal.type == .drift && signal.feature == "spread_compression" && signal.direction == .unsided)
        #expect(abs(signal.score - 49.0 / 85) < 1e-12)
        #expect(signal.evidence.map(\.statistic).allSatisfy { $0 < 0 })
    }

    @Test func onlyAgreeingDetectorsAreEvidence() throws {
        func evidence(_ tradeZ: Double) throws -> Signal {
            var bench = try BankBench(Self.quick)
            bench.feed(["imbalance_10": 0, "trade_imbalance_1s": 0], nanoseconds: 1)
            bench.feed(["imbalance_10": 1, "trade_imbalance_1s": 1], nanoseconds: 2)
            return try #require(
                bench.feed(
                    [
                        "imbalance_10": Self.imbalance(4), "trade_imbalance_1s": Self.imbalance(tradeZ),
                        "volume_z_1s": 1,
                    ], nanoseconds: 3
                ).first)
        }
        let agreeing = try evidence(2)
        #expect(agreeing.evidence.map(\.feature) == ["imbalance_10", "trade_imbalance_1s", "volume_z_1s"])
        let opposing = try evidence(-2)
        #expect(opposing.evidence.map(\.feature) == ["imbalance_10", "volume_z_1s"])
        #expect(agreeing.score > opposing.score)
    }

    @Test func theAlarmFurthestAboveItsThresholdLeads() throws {
        var bench = try BankBench(Self.quick)
        bench.feed(["imbalance_10": 0, "trade_imbalance_1s": 0], nanoseconds: 1)
        bench.feed(["imbalance_10": 1, "trade_imbalance_1s": 1], nanoseconds: 2)
        let signals = bench.feed(
            ["imbalance_10": Self.imbalance(4), "trade_imbalance_1s": Self.imbalance(-5), "volume_z_30s": 3],
            nanoseconds: 3)
        #expect(signals.map(\.type) == [.drift, .burst])
        #expect(signals.map(\.feature) == ["trade_imbalance_1s", "volume_z_30s"])
        #expect(signals.map(\.direction) == [.down, .unsided])
        #expect(bench.bank.counts.alarms == 3)
        #expect(bench.bank.counts.drift.candidates == 1)
    }

    /// Quantile 0 never holds a rising burst back, so that only the cooldown does.
    @Test func oneSignalATypeACooldown() throws {
        var bench = try BankBench(Profile(dynamicThresholdQuantile: 0))
        func burst(at time: Int64) -> Int {
            bench.feed(["volume_z_1s": 0], nanoseconds: time - 1)
            return bench.feed(["volume_z_1s": 5], nanoseconds: time).count
        }
        #expect(burst(at: second) == 1)
        #expect(burst(at: 31 * second - 1) == 0)
        #expect(burst(at: 31 * second + 1) == 1)
        #expect(bench.bank.counts.burst.suppressedByCooldown == 1)
        #expect(bench.bank.counts.byType.map(\.type) == [.drift, .burst, .regimeChange])
        #expect(bench.bank.counts.byType[1].counts.emitted == 2)
    }

    @Test func aBurstThatOutlivesTheCooldownIsStillOneSignal() throws {
        var bench = try BankBench(Profile(cooldownSeconds: 1, dynamicThresholdQuantile: 0))
        for step in 0..<600 { bench.feed(["volume_z_1s": 5 + Double(step)], nanoseconds: Int64(step) * second) }
        #expect(bench.signals.count == 1)
    }

    @Test func onsetOfABurstIsThatOfItsFirstWindow() throws {
        var bench = try BankBench(Profile(cooldownSeconds: 1, dynamicThresholdQuantile: 0))
        bench.feed(["volume_z_1s": 0], nanoseconds: 0)
        #expect(bench.feed(["volume_z_1s": 3], nanoseconds: second).first?.onset == Timestamp(nanoseconds: second))
        let later = bench.feed(["volume_z_1s": 2.2, "volume_z_5s": 3], nanoseconds: 3 * second)
        #expect(later.first?.feature == "volume_z_5s")
        #expect(later.first?.onset == Timestamp(nanoseconds: second))
    }

    @Test func theDynamicThresholdHoldsBackWhatIsUsual() throws {
        var bench = try BankBench(Profile(cooldownSeconds: 0))
        for step in 0..<100 { bench.feed(["volume_z_1s": 5], nanoseconds: Int64(step)) }
        bench.feed(["volume_z_1s": 0], nanoseconds: 100)
        #expect(bench.bank.dynamicThreshold == 0.8)
        #expect(bench.feed(["volume_z_1s": 4.9], nanoseconds: 101).isEmpty)
        #expect(bench.bank.counts.burst.suppressedByThreshold == 1)
        bench.feed(["volume_z_1s": 0], nanoseconds: 102)
        let signal = try #require(bench.feed(["volume_z_1s": 5.1], nanoseconds: 103).first)
        #expect(signal.threshold == 0.8 && signal.score > 0.8)
    }

    @Test func vectorsThatAreNotValidChangeNothingButACount() throws {
        var bench = try BankBench(Self.quick)
        bench.feed(["imbalance_10": 0], nanoseconds: 1)
        bench.feed(["imbalance_10": 1], nanoseconds: 2)
        for validity in [Validity.stale, .resyncing] {
            let signals = bench.feed(
                ["imbalance_10": 99, "volume_z_1s": 9], nanoseconds: 3, epoch: 2, validity: validity)
            #expect(signals.isEmpty)
        }
        #expect(bench.bank.counts.ignoredInvalid == 2 && bench.bank.counts.bookResets == 0)
        #expect(bench.bank.counts.vectors == 4)
        let signal = try #require(bench.feed(["imbalance_10": Self.imbalance(4)], nanoseconds: 4).first)
        #expect(abs(signal.score - 49.0 / 85) < 1e-12)
    }

    @Test(arguments: [0, 1, BankBench.schema.names.count - 1, BankBench.schema.names.count + 1])
    func vectorsOfAnotherLengthAreCounted(count: Int) throws {
        var bench = try BankBench()
        #expect(bench.feed(BankVector(values: Array(repeating: 9, count: count), header: .at(1))).isEmpty)
        #expect(bench.bank.counts.ignoredMalformed == 1 && bench.bank.counts.vectors == 1)
        #expect(bench.bank.counts.alarms == 0)
    }

    @Test func infinitiesAreCountedAndTakenAsUndefined() throws {
        func run(_ odd: Double) throws -> BankBench {
            var bench = try BankBench(Self.quick)
            bench.feed(["imbalance_10": 0], nanoseconds: 1)
            bench.feed(["imbalance_10": odd, "volume_z_1s": odd, "realized_vol_1s": odd], nanoseconds: 2)
            bench.feed(["imbalance_10": 1], nanoseconds: 3)
            bench.feed(["imbalance_10": Self.imbalance(4), "volume_z_1s": 3], nanoseconds: 4)
            return bench
        }
        let undefined = try run(.nan)
        #expect(undefined.bank.counts.infiniteValues == 0)
        #expect(undefined.signals.map(\.type) == [.drift, .burst])
        for odd in [Double.infinity, -.infinity, 1e200] {
            let infinite = try run(odd)
            #expect(infinite.signals == undefined.signals)
            #expect(infinite.bank.counts.infiniteValues == 3)
        }
    }

    @Test func aNewEpochResetsTheBookAndSparesTheTrades() throws {
        let book = ["imbalance_10", "microprice_drift", "spread_compression"]
        let all = Dictionary(
            uniqueKeysWithValues: (book + ["trade_imbalance_1s", "realized_vol_1s"]).map { ($0, 1.5) })
        var bench = try BankBench(Self.quick)
        bench.feed(all.mapValues { _ in 0 }, nanoseconds: 1)
        bench.feed(all.mapValues { _ in 1 }, nanoseconds: 2)
        bench.feed(all, nanoseconds: 3)
        let trades = try #require(bench.statistic("trade_imbalance_1s"))
        for feature in book { #expect(bench.statistic(feature) == trades) }
        #expect(trades > 0)

        bench.feed(["volume_z_5s": 3], nanoseconds: 4, epoch: 2)
        #expect(bench.bank.counts.bookResets == 1)
        for feature in book { #expect(bench.statistic(feature)?.isNaN == true) }
        #expect(bench.statistic("trade_imbalance_1s") == trades)
        // The first vector after it is warm-up for the book, and the burst goes on: no second alarm.
        bench.feed(all.merging(["volume_z_5s": 3]) { $1 }, nanoseconds: 5, epoch: 3)
        #expect(bench.statistic("imbalance_10")?.isNaN == true)
        #expect(bench.statistic("realized_vol_1s")?.isFinite == true)
        #expect(bench.bank.counts.burst.candidates == 1)
    }

    @Test func statisticsNameEveryDetectorInOrder() throws {
        let bench = try BankBench()
        #expect(
            bench.bank.statistics.map { "\($0.detector) \($0.feature) \($0.threshold)" } == [
                "cusum imbalance_10 3.0", "cusum microprice_drift 3.0", "cusum spread_compression 3.0",
                "cusum trade_imbalance_1s 3.0", "burst volume_z_1s 2.5", "burst volume_z_5s 2.5",
                "burst volume_z_30s 2.5", "burst realized_vol_1s 2.5", "burst realized_vol_5s 2.5",
                "burst realized_vol_30s 2.5", "regime regime_change_probability 0.7",
            ])
        #expect(bench.bank.statistics.allSatisfy { $0.statistic.isNaN })
    }

    @Test func theClockErrorIsPassedOn() throws {
        var bank = try BankBench().bank
        var values = [Double](repeating: .nan, count: BankBench.schema.names.count)
        values[try #require(BankBench.schema.index(of: "volume_z_1s"))] = 9
        var signals: [Signal] = []
        bank.process(values.span, header: .at(5, epoch: 12), clockErrorNanoseconds: 1_500, into: &signals)
        #expect(signals.map(\.clockErrorNanoseconds) == [1_500])
        #expect(signals.map(\.bookEpoch) == [12])
    }
}
