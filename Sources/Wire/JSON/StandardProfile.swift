/// The profile that `detector` runs with unless told otherwise.
///
/// Learnt by `microlab calibrate --budget 24/day` from twelve hours of two synthetic markets (the scenario `00-quiet`
/// of the scoreboard). Their statistics match the recordings of BTCUSDT and ETHUSDT of 2024-08-08, which are far too
/// short to learn a rate from. Real markets are wilder: steering then moves the threshold.
enum StandardProfile {
    static let calibrated = """
        {
        "adwin_delta": 0.002,
        "burst_half_life_observations": 36000,
        "burst_rearm_fraction": 0.8,
        "burst_threshold": 2.5,
        "clock_error_limit_seconds": 1,
        "cooldown_seconds": 30,
        "cusum_drift": 0.5,
        "drift_threshold": 3,
        "dynamic_threshold_quantile": 0.95,
        "dynamic_threshold_window": 500,
        "ewma_weight": 0.05,
        "name": "calibrated",
        "regime_threshold": 0.7,
        "standardiser_half_life_observations": 6000,
        "standardiser_warm_up_observations": 600,
        "whitening_order": 2,
        "winsor_limit": 4,
        "budget":
                {"evidence_threshold": 65.494, "gain": 0.02, "signals_per_day": 24, "tail": {"nats": [0.69315, 1.6142,
                2.5352, 3.4562, 4.3773, 5.2983, 6.2194, 7.1404, 8.0614, 8.9825, 9.9035, 10.825, 11.285], "values": [0.0,
                6.2745, 12.592, 20.886, 30.486, 39.754, 47.942, 55.37, 63.112, 68.624, 72.633, 75.139, 76.052]}},
        "detectors": [
                {"name": {"kind": "cusum", "metric": "imbalance_10"}, "tail": {"nats": [0.69315, 1.6142, 2.5352, 3.4562,
                4.3773, 5.2983, 6.2194, 7.1404, 8.0614, 8.9825, 9.9035, 10.825, 11.746, 11.976], "values": [0.0, 1.2153,
                2.2769, 3.1013, 3.7919, 4.4961, 5.3654, 6.3426, 7.5189, 8.6065, 9.9839, 10.831, 11.29, 11.377]}},
                {"name": {"kind": "cusum", "metric": "microprice_drift"}, "tail": {"nats": [2.0747, 2.9957, 3.9168, 4.8378,
                5.7588, 6.6799, 7.6009, 8.5219, 9.443, 10.364, 11.285, 11.976], "values": [0.0, 1.4276, 3.0359, 4.0693,
                5.9272, 7.6761, 9.7383, 11.805, 14, 15.615, 17.688, 19.289]}},
                {"name": {"kind": "cusum", "metric": "spread_compression"}, "tail": {"nats": [4.147, 5.0681, 5.9891, 8.0614,
                8.9825, 9.9035, 10.825, 11.285], "values": [0.0, 1.9701, 3.4139, 5.4792, 7.234, 8.8213, 9.4194, 9.5347]}},
                {"name": {"kind": "cusum", "metric": "trade_imbalance_1s"}, "tail": {"nats": [1.8444, 2.7655, 3.6865,
                4.6075, 5.5286, 6.4496, 7.3706, 8.2917, 9.2127, 10.134, 11.055, 11.976], "values": [0.0, 1.9473, 3.7688,
                6.5002, 10.054, 14.427, 19.271, 23.548, 27.525, 31.47, 33.878, 38.574]}},
                {"name": {"kind": "cusum", "metric": "ofi"}, "tail": {"nats": [1.3839, 2.305, 3.226, 4.147, 5.0681, 5.9891,
                6.9101, 7.8312, 8.7522, 9.6732, 10.594, 11.515, 11.976], "values": [0.0, 1.4176, 3.0782, 4.4126, 6.1912,
                7.9707, 9.9589, 12.025, 14.204, 16.823, 19.106, 20.893, 21.775]}},
                {"name": {"kind": "burst", "metric": "trade_volume_1s"}, "tail": {"nats": [1.1537, 2.0747, 2.9957, 3.9168,
                4.8378, 5.7588, 6.6799, 7.6009, 8.5219, 9.443, 10.364, 11.285], "values": [0.0, 0.83216, 2.1867, 3.8151,
                5.7052, 7.9408, 10.16, 12.449, 14.182, 16.106, 16.876, 17.857]}},
                {"name": {"kind": "burst", "metric": "trade_volume_5s"}, "tail": {"nats": [0.92341, 1.8444, 2.7655, 3.6865,
                4.6075, 5.5286, 6.4496, 7.3706, 8.2917, 9.2127, 10.134, 11.055, 11.285], "values": [0.0, 0.79642, 1.849,
                3.0194, 4.2118, 5.3856, 6.6171, 7.8719, 8.6753, 9.9481, 11.181, 11.686, 11.695]}},
                {"name": {"kind": "burst", "metric": "trade_volume_30s"}, "tail": {"nats": [0.92341, 1.8444, 2.7655, 3.6865,
                4.6075, 5.5286, 6.4496, 7.3706, 8.2917, 9.2127, 10.134, 11.055, 11.285], "values": [0.0, 0.87922, 1.8126,
                2.7666, 3.5197, 4.4438, 5.4515, 6.4532, 7.653, 8.4579, 8.7537, 8.8178, 8.8225]}},
                {"name": {"kind": "burst", "metric": "trade_count_1s"}, "tail": {"nats": [0.92341, 1.8444, 2.7655, 3.6865,
                4.6075, 5.5286, 6.4496, 7.3706, 8.2917, 9.2127, 10.134, 11.055, 11.285], "values": [0.0, 0.71962, 1.7953,
                3.1036, 4.6577, 6.3234, 8.0436, 9.7014, 11.319, 12.655, 14.276, 15.27, 15.762]}},
                {"name": {"kind": "burst", "metric": "trade_count_5s"}, "tail": {"nats": [0.92341, 1.8444, 2.7655, 3.6865,
                4.6075, 5.5286, 6.4496, 7.3706, 8.2917, 9.2127, 10.134, 11.055, 11.285], "values": [0.0, 0.86549, 1.8166,
                2.8095, 3.7501, 4.9203, 5.989, 7.1452, 8.1048, 8.9707, 9.453, 9.9836, 9.9998]}},
                {"name": {"kind": "burst", "metric": "trade_count_30s"}, "tail": {"nats": [0.69315, 1.6142, 2.5352, 3.4562,
                4.3773, 5.2983, 6.2194, 7.1404, 8.0614, 8.9825, 9.9035, 10.825, 11.285], "values": [0.0, 0.70362, 1.5652,
                2.3735, 3.2146, 4.0436, 5.1111, 6.2428, 7.2411, 7.5069, 7.7203, 7.9507, 7.9735]}},
                {"name": {"kind": "burst", "metric": "realized_vol_1s"}, "tail": {"nats": [1.1537, 2.0747, 2.9957, 3.9168,
                4.8378, 5.7588, 6.6799, 7.6009, 8.5219, 9.443, 10.364, 11.285], "values": [0.0, 1.094, 2.3224, 3.3857,
                4.4186, 5.6168, 7.3172, 9.7649, 13.71, 20.259, 28.893, 36.799]}},
                {"name": {"kind": "burst", "metric": "realized_vol_5s"}, "tail": {"nats": [0.69315, 1.6142, 2.5352, 3.4562,
                4.3773, 5.2983, 6.2194, 7.1404, 8.0614, 8.9825, 9.9035, 10.825, 11.285], "values": [0.0, 0.81045, 1.5726,
                2.2838, 3.1088, 4.098, 5.6669, 7.9694, 12.121, 17.412, 20.781, 21.621, 21.768]}},
                {"name": {"kind": "burst", "metric": "realized_vol_30s"}, "tail": {"nats": [0.69315, 1.6142, 2.5352, 3.4562,
                4.3773, 5.2983, 6.2194, 7.1404, 8.0614, 8.9825, 9.9035, 10.825, 11.285], "values": [0.0, 0.74085, 1.49,
                2.2765, 3.2174, 4.8524, 7.1911, 9.7699, 11.695, 12.101, 12.236, 12.305, 12.323]}},
                {"name": {"kind": "regime", "metric": "regime_change_probability"}, "tail": {"nats": [0.69315, 1.6142,
                2.5352, 3.4562, 4.3773, 5.2983, 6.2194, 7.1404, 8.0614, 8.9825, 9.9035], "values": [0.011687, 0.047293,
                0.38348, 0.90816, 0.98883, 0.99837, 0.99969, 0.99993, 0.99997, 0.99999, 1]}}
        ]}
        """

    /// The profile that looks for events in all columns together (decision 0072), as JSON: `Profiles/events.json`.
    ///
    /// Taught by `microlab calibrate --teach` on the events of the scoreboard's scenarios with other seeds (theirs plus 1000,
    /// 2000 … 5000: 977 events), and calibrated for 24 signals a day and symbol on half a day of `00-quiet` with the first
    /// four of them, two markets each.
    static let events = PackageResources.events_json
}
