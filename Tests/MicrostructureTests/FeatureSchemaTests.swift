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
                "update_rate_1s", "update_rate_5s", "update_rate_30s", "quote_rate_1s", "quote_rate_5s",
                "quote_rate_30s", "best_price_change_rate_1s", "best_price_change_rate_5s",
                "best_price_change_rate_30s", "flicker_5s", "flicker_30s", "bid_additions_1s", "bid_additions_5s",
                "bid_additions_30s", "ask_additions_1s", "ask_additions_5s", "ask_additions_30s", "bid_removals_1s",
                "bid_removals_5s", "bid_removals_30s", "ask_removals_1s", "ask_removals_5s", "ask_removals_30s",
                "addition_imbalance_1s", "addition_imbalance_5s", "addition_imbalance_30s", "removal_imbalance_1s",
                "removal_imbalance_5s", "removal_imbalance_30s", "taker_count_1s", "taker_count_5s",
                "taker_count_30s", "taker_imbalance_1s", "taker_imbalance_5s", "taker_imbalance_30s",
                "largest_taker_1s", "largest_taker_5s", "largest_taker_30s", "sweep_prices_1s", "sweep_prices_5s",
                "sweep_prices_30s", "median_taker_50", "bid_replenishment_5s", "bid_replenishment_30s",
                "ask_replenishment_5s", "ask_replenishment_30s", "replenishment_imbalance_5s",
                "replenishment_imbalance_30s", "bid_depth_5bps", "ask_depth_5bps", "depth_imbalance_5bps",
                "bid_depth_25bps", "ask_depth_25bps", "depth_imbalance_25bps", "resilience", "effective_spread_5s",
                "effective_spread_30s", "realized_spread_5s", "realized_spread_30s", "flow_z_1s", "flow_z_5s",
                "flow_z_30s", "flow_z_120s",
            ])
    }

    /// Computed apart from this code, by a few lines of Python over the same words, each closed by a zero byte.
    @Test func idIsStable() {
        #expect(FeatureSchema().id == 8_353_887_578_430_220_185)
    }

    @Test func idNamesTheParametersToo() {
        let variants = [
            FeatureParameters(), FeatureParameters(windowSeconds: [1, 5]),
            FeatureParameters(windowSeconds: [1, 5, 31]),
            FeatureParameters(spreadCompressionLength: 99), FeatureParameters(spreadCompressionMinimum: 21),
            FeatureParameters(volumeBuckets: 121), FeatureParameters(volumeBucketMinimum: 21),
            FeatureParameters(tradeLimit: 99), FeatureParameters(longWindowSeconds: [5]),
            FeatureParameters(flickerMilliseconds: 999), FeatureParameters(takerMedianLength: 51),
            FeatureParameters(depthBandBasisPoints: [5, 26]), FeatureParameters(resilienceSeconds: 2),
            FeatureParameters(realizedSpreadSeconds: 6), FeatureParameters(flowScoreWindowSeconds: [1]),
            FeatureParameters(flowScoreMemorySeconds: 3_601), FeatureParameters(flowScoreMinimum: 61),
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
