import Detection
import Microstructure
import Testing

@Suite struct ProfileTests {
    @Test func classicIsValidAndWhatIsPublished() throws {
        let classic = Profile.classic
        try classic.validate()
        #expect(classic == Profile())
        #expect((classic.driftThreshold, classic.cusumDrift, classic.burstThreshold) == (3, 0.5, 2.5))
        #expect((classic.cooldownSeconds, classic.dynamicThresholdWindow) == (30, 500))
    }

    @Test(arguments: [
        (Profile(driftThreshold: 0), "drift_threshold", 0.0), (Profile(driftThreshold: .nan), "drift_threshold", .nan),
        (Profile(cusumDrift: -0.1), "cusum_drift", -0.1),
        (Profile(burstThreshold: .infinity), "burst_threshold", .infinity),
        (Profile(burstRearmFraction: 1.01), "burst_rearm_fraction", 1.01),
        (Profile(standardiserHalfLifeObservations: 0.5), "standardiser_half_life_observations", 0.5),
        (Profile(standardiserWarmUpObservations: 1), "standardiser_warm_up_observations", 1),
        (Profile(cooldownSeconds: -1), "cooldown_seconds", -1),
        (Profile(dynamicThresholdWindow: 0), "dynamic_threshold_window", 0),
        (Profile(dynamicThresholdWindow: 10_001), "dynamic_threshold_window", 10_001),
        (Profile(dynamicThresholdQuantile: 1.5), "dynamic_threshold_quantile", 1.5),
    ])
    func namesTheParameterItsValueAndItsRange(profile: Profile, name: String, bad: Double) throws {
        let error = try #require(throws: ProfileError.self) { try profile.validate() }
        guard case .outOfRange(let parameter, let value, let accepted) = error else {
            Issue.record("\(error)")
            return
        }
        #expect(parameter == name)
        #expect(value.bitPattern == bad.bitPattern)
        #expect(!accepted.contains(bad))
        #expect(error.description.contains("\(name) is \(bad); accepted is \(accepted.lowerBound) to"))
        #expect(throws: ProfileError.self) { try BankBench(profile) }
    }

    @Test(arguments: [
        "imbalance_10", "microprice_drift", "spread_compression", "trade_imbalance_1s", "volume_z_1s", "volume_z_5s",
        "volume_z_30s", "realized_vol_1s", "realized_vol_5s", "realized_vol_30s", "regime_change_probability",
    ])
    func namesTheMissingColumn(column: String) {
        let columns = FeatureSchema().columns.filter { $0.name != column }
        #expect(columns.count == FeatureSchema().columns.count - 1)
        #expect(throws: ProfileError.missingColumn(column)) {
            _ = try DetectorBank(venue: .binance, symbol: "BTCUSDT", schema: FeatureSchema(columns: columns, id: 1))
        }
    }
}
