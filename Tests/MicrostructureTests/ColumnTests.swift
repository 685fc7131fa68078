import Foundation
import Testing

@testable import Microstructure

/// What the columns say of themselves.
@Suite struct ColumnTests {
    /// What detectors have always taken the columns for: whether a new book epoch resets them, and whether they have a side.
    /// Profiles and checkpoints rely on it, so that it is written out here and not computed.
    private static let expected: [(name: String, isReset: Bool, hasSide: Bool)] = [
        ("mid", true, false), ("spread", true, false), ("spread_bps", true, false),
        ("imbalance_5", true, true), ("imbalance_10", true, true),
        ("microprice", true, true), ("microprice_drift", true, true), ("microprice_stoikov", true, true),
        ("spread_compression", true, false),
        ("bid_depth_10", true, false), ("ask_depth_10", true, false), ("depth_ratio", true, true),
        ("ofi", true, true), ("ofi_1s", true, true), ("ofi_5s", true, true),
        ("mlofi_1", true, true), ("mlofi_2", true, true), ("mlofi_3", true, true), ("mlofi_4", true, true),
        ("mlofi_5", true, true), ("mlofi_6", true, true), ("mlofi_7", true, true), ("mlofi_8", true, true),
        ("mlofi_9", true, true), ("mlofi_10", true, true), ("ofi_integrated", true, true),
        ("trade_imbalance_1s", false, true), ("trade_imbalance_5s", false, true), ("trade_imbalance_30s", false, true),
        ("trade_volume_1s", false, false), ("trade_volume_5s", false, false), ("trade_volume_30s", false, false),
        ("trade_count_1s", false, false), ("trade_count_5s", false, false), ("trade_count_30s", false, false),
        ("volume_z_1s", false, false), ("volume_z_5s", false, false), ("volume_z_30s", false, false),
        ("realized_vol_1s", false, false), ("realized_vol_5s", false, false), ("realized_vol_30s", false, false),
        ("vpin", false, false), ("kyle_lambda", false, false), ("amihud", false, false), ("roll_spread", false, false),
        ("hasbrouck_lambda", false, false), ("hour", false, false), ("minute", false, false),
        ("regime_change_probability", true, false), ("regime_run_length", true, false),
        ("update_rate_1s", true, false), ("update_rate_5s", true, false), ("update_rate_30s", true, false),
        ("quote_rate_1s", true, false), ("quote_rate_5s", true, false), ("quote_rate_30s", true, false),
        ("best_price_change_rate_1s", true, false), ("best_price_change_rate_5s", true, false),
        ("best_price_change_rate_30s", true, false), ("flicker_5s", true, false), ("flicker_30s", true, false),
        ("bid_additions_1s", true, false), ("bid_additions_5s", true, false), ("bid_additions_30s", true, false),
        ("ask_additions_1s", true, false), ("ask_additions_5s", true, false), ("ask_additions_30s", true, false),
        ("bid_removals_1s", true, false), ("bid_removals_5s", true, false), ("bid_removals_30s", true, false),
        ("ask_removals_1s", true, false), ("ask_removals_5s", true, false), ("ask_removals_30s", true, false),
        ("addition_imbalance_1s", true, true), ("addition_imbalance_5s", true, true),
        ("addition_imbalance_30s", true, true), ("removal_imbalance_1s", true, true),
        ("removal_imbalance_5s", true, true), ("removal_imbalance_30s", true, true),
        ("taker_count_1s", false, false), ("taker_count_5s", false, false), ("taker_count_30s", false, false),
        ("taker_imbalance_1s", false, true), ("taker_imbalance_5s", false, true),
        ("taker_imbalance_30s", false, true), ("largest_taker_1s", false, false), ("largest_taker_5s", false, false),
        ("largest_taker_30s", false, false), ("sweep_prices_1s", false, false), ("sweep_prices_5s", false, false),
        ("sweep_prices_30s", false, false), ("median_taker_50", false, false), ("bid_replenishment_5s", true, false),
        ("bid_replenishment_30s", true, false), ("ask_replenishment_5s", true, false),
        ("ask_replenishment_30s", true, false), ("replenishment_imbalance_5s", true, true),
        ("replenishment_imbalance_30s", true, true), ("bid_depth_5bps", true, false),
        ("ask_depth_5bps", true, false), ("depth_imbalance_5bps", true, true), ("bid_depth_25bps", true, false),
        ("ask_depth_25bps", true, false), ("depth_imbalance_25bps", true, true), ("resilience", true, false),
        ("effective_spread_5s", true, false), ("effective_spread_30s", true, false),
        ("realized_spread_5s", true, false), ("realized_spread_30s", true, false), ("flow_z_1s", false, true),
        ("flow_z_5s", false, true), ("flow_z_30s", false, true), ("flow_z_120s", false, true),
    ]

    @Test func resetsAndSidesAreWhatProfilesRelyOn() {
        let columns = FeatureSchema().columns
        #expect(columns.map(\.name) == Self.expected.map(\.name))
        for (column, expected) in zip(columns, Self.expected) {
            #expect(column.source.isResetByBookEpoch == expected.isReset, "\(column.name)")
            #expect((column.side == .signed) == expected.hasSide, "\(column.name)")
        }
    }

    /// A burst of what is a z-score already is not standardised again.
    @Test func scoresAloneAreInStandardDeviations() {
        let scores = FeatureSchema().columns.filter { $0.unit == .standardDeviations }.map(\.name)
        #expect(
            scores == [
                "volume_z_1s", "volume_z_5s", "volume_z_30s", "flow_z_1s", "flow_z_5s", "flow_z_30s", "flow_z_120s",
            ])
    }

    @Test func meaningsFitIntoASentence() {
        let columns = FeatureSchema().columns
        #expect(Set(columns.map(\.name)).count == columns.count)
        #expect(Set(columns.map(\.meaning)).count == columns.count)
        for column in columns {
            #expect(
                column.meaning.hasPrefix("the ") && column.meaning.last?.isPunctuation != true
                    || column.meaning.hasSuffix(")"))
            #expect(!column.unit.rawValue.isEmpty && !column.meaning.contains("|"), "\(column.name)")
        }
    }

    /// The page of the documents says what the code declares. `MICROSTRUCTURE_WRITE=1 swift test --filter ColumnTests` writes it
    /// anew.
    @Test func thePageIsThatOfTheDeclaredColumns() throws {
        let page = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
            .deletingLastPathComponent().appending(path: "Sources/Microstructure/Microstructure.docc/Columns.md")
        let text = Self.page(FeatureSchema())
        if ProcessInfo.processInfo.environment["MICROSTRUCTURE_WRITE"] != nil {
            try Data(text.utf8).write(to: page)
        }
        #expect(
            try String(contentsOf: page, encoding: .utf8) == text,
            "Columns.md is stale: MICROSTRUCTURE_WRITE=1 swift test --filter ColumnTests writes it anew")
    }

    private static func page(_ schema: FeatureSchema) -> String {
        var text = """
            # Columns

            What each column of a feature vector is, in the order of the values. Generated from the declarations in `Features/`.

            *Source*: what a column is computed from. A new book epoch resets what a detector has learnt of columns of the \
            book, the quotes, the orders and a group; it goes on with those of the trades and the clock. *Signed*: a rise is \
            buying pressure and a fall is selling pressure. When a column is defined, and when it is NaN: <doc:Features>.

            | column | source | side | unit | meaning |
            |---|---|---|---|---|

            """
        for column in schema.columns {
            let cells = [
                "`\(column.name)`", column.source.rawValue, column.side.rawValue, column.unit.rawValue, column.meaning,
            ]
            text += "| \(cells.joined(separator: " | ")) |\n"
        }
        return text
    }
}
