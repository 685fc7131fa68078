/// The engine's clock in UTC: `hour` of the day 0–23, `minute` of the day 0–1439. Never NaN. O(1).
struct TimeOfDay: Measure {
    var columns: [Column] {
        [
            Column("hour", source: .clock, unit: .hours, meaning: "the hour of the day in UTC"),
            Column("minute", source: .clock, unit: .minutes, meaning: "the minute of the day in UTC"),
        ]
    }

    func write(_ market: borrowing MarketState, into row: inout FeatureRow) {
        let minute = market.now.minuteOfDay
        row.put(Double(minute / 60))
        row.put(Double(minute))
    }
}
