import Testing

@testable import Microstructure

@Suite struct FeatureSchemaTests {
    /// The column names are a contract: others read them by name and by place.
    @Test func columnsAreTheContract() {
        #expect(
            FeatureSchema().names == [
                "mid", "spread", "spread_bps", "imbalance_5", "imbalance_10", "microprice", "microprice_drift",
                "microprice_stoikov", "spread_compression", "bid_depth_10", "ask_depth_10", "depth_ratio",
                "ofi", "ofi_1s", "ofi_5s", "mlofi_1", "mlofi_2", "mlofi_3", "mlofi_4", "mlofi_5", "mlofi_6",
                "mlofi_7", "mlofi_8", "mlofi_9", "mlofi_10", "ofi_integrated",
                "trade_imbalance_1s", "trade_imbalance_5s", "trade_imbalance_30s",
                "trade_volume_1s", "trade_volume_5s", "trade_volume_30s",
                "trade_count_1s", "trade_count_5s", "trade_count_30s",
                "volume_z_1s", "volume_z_5s", "volume_z_30s",
                "realized_vol_1s", "realized_vol_5s", "realized_vol_30s",
                "vpin", "kyle_lambda", "amihud", "roll_spread", "hasbrouck_lambda", "hour", "minute",
                "regime_change_probability", "regime_run_length",
            ])
    }

    /// Computed apart from this code, by a few lines of Python over the same words, each closed by a zero byte.
    @Test func idIsStable() {
        #expect(FeatureSchema().id == 2_327_366_503_838_196_842)
    }

    @Test func idNamesTheParametersToo() {
        let variants = [
            FeatureParameters(), FeatureParameters(windowSeconds: [1, 5]),
            FeatureParameters(windowSeconds: [1, 5, 31]),
            FeatureParameters(spreadCompressionLength: 99), FeatureParameters(spreadCompressionMinimum: 21),
            FeatureParameters(volumeBuckets: 121), FeatureParameters(volumeBucketMinimum: 21),
            FeatureParameters(tradeLimit: 99),
        ]
        #expect(Set(variants.map { FeatureSchema($0).id }).count == variants.count)
    }

    @Test func engineAndSchemaAgree() {
        for parameters in [FeatureParameters(), FeatureParameters(windowSeconds: [2])] {
            let engine = FeatureEngine.forTests(parameters)
            #expect(engine.schema == FeatureSchema(parameters))
            #expect(engine.values.count == engine.schema.names.count)
            #expect(engine.values.allSatisfy { $0.isNaN })
            for (index, name) in engine.schema.names.enumerated() { #expect(engine.schema.index(of: name) == index) }
            #expect(engine.schema.index(of: "no such column") == nil)
        }
    }
}
