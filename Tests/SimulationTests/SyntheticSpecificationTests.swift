import Foundation
import Testing

@testable import Simulation

struct SyntheticSpecificationTests {
    private func decode(_ text: String) throws -> SyntheticSpecification {
        try JSONDecoder().decode(SyntheticSpecification.self, from: Data(text.utf8))
    }

    @Test func everyMemberIsRead() throws {
        let specification = try decode(
            """
            {"seed": 9, "delays": "none", "durationSeconds": 120.5, "startSeconds": 1700000000, "markets": [
              {"symbols": ["btcusdt"], "rateFactor": 2, "volatility": 3, "spreadTicks": 4, "correlation": 0},
              {"symbols": ["AAAUSDT", "BBBUSDT"], "orderRate": 50, "marketOrderRate": 1, "restingOrders": 500, "startPrice": 2}],
             "events": [
              {"type": "metaorder", "symbol": "BTCUSDT", "atSeconds": [50, 10], "lengthSeconds": 5, "size": 2, "direction": "sell"},
              {"type": "quote_stuffing", "everySeconds": [10, 20], "lengthSeconds": [1, 2], "size": [3, 4]}]}
            """)
        #expect(specification.delays == .none)
        #expect(specification.seed == 9 && specification.durationSeconds == 120.5)
        #expect(specification.startTime.nanoseconds == 1_700_000_000_000_000_000)
        #expect(specification.markets.map(\.listing.symbol) == ["BTCUSDT", "AAAUSDT", "BBBUSDT"])
        let usual = SyntheticParameters(symbol: "BTCUSDT")
        #expect(specification.markets[0].orderRate == 2 * usual.orderRate)
        #expect(specification.markets[0].volatility == 3 && specification.markets[0].spreadTicks == 4)
        #expect(specification.markets[1].orderRate == 50 && specification.markets[1].restingOrders == 500)
        #expect(specification.markets[1].startPriceTicks == 2 * SyntheticParameters(symbol: "AAAUSDT").startPriceTicks)
        #expect(
            specification.events == [
                PlantingRule(
                    .metaorder, symbol: "BTCUSDT", timing: .atSeconds([10, 50]), lengthSeconds: 5...5, sizes: [2],
                    direction: .sell),
                PlantingRule(.quoteStuffing, timing: .everySeconds(10...20), lengthSeconds: 1...2, sizes: [3, 4]),
            ])
    }

    /// What is wrong is named, and where.
    @Test(arguments: [
        (#"{}"#, "'markets'"), (#"{"markets": []}"#, "'markets'"), (#"{"markets": 7}"#, "'markets' is not a list"),
        (#"{"markets": [7]}"#, "markets[0]: is not an object"),
        (#"{"markets": [{}]}"#, "markets[0]: needs the member 'symbols'"),
        (#"{"markets": [{"symbols": ["A B"]}]}"#, "'A B' is no symbol"),
        (#"{"markets": [{"symbols": ["A", "a"]}]}"#, "'A' stands twice"),
        (#"{"markets": [{"symbols": ["A"], "spread": 1}]}"#, "markets[0]: unknown member 'spread'"),
        (#"{"markets": [{"symbols": ["A"], "volatility": -1}]}"#, "markets[0]: volatility -1.0 is outside"),
        (#"{"markets": [{"symbols": ["A"]}], "seeds": 1}"#, "unknown member 'seeds'"),
        (#"{"markets": [{"symbols": ["A"]}], "seed": 1.5}"#, "'seed' is not a whole number"),
        (#"{"markets": [{"symbols": ["A"]}], "delays": "some"}"#, "delays 'some' is neither measured nor none"),
        (#"{"markets": [{"symbols": ["A"]}], "events": [{"type": "x"}]}"#, "events[0]: unknown type 'x'"),
        (event(#""atSeconds": 1, "size": 1"#), "needs the member 'lengthSeconds'"),
        (event(#""atSeconds": 1, "lengthSeconds": 1"#), "needs the member 'size'"),
        (event(#""lengthSeconds": 1, "size": 1"#), "exactly one of atSeconds, everySeconds"),
        (event(#""atSeconds": 1, "everySeconds": 1, "lengthSeconds": 1, "size": 1"#), "exactly one of"),
        (event(#""atSeconds": 1, "lengthSeconds": [3, 2], "size": 1"#), "'lengthSeconds'"),
        (event(#""atSeconds": 1, "lengthSeconds": 1, "size": 1000"#), "size 1000.0 is outside"),
        (event(#""atSeconds": "1", "lengthSeconds": 1, "size": 1"#), "'atSeconds'"),
        (event(#""atSeconds": 1, "lengthSeconds": 1, "size": 1, "symbol": "B""#), "'B' is none of the markets"),
        (event(#""atSeconds": 1, "lengthSeconds": 1, "size": 1, "direction": "up""#), "direction 'up'"),
        (
            #"{"markets": [{"symbols": ["A"]}], "events": [{"type": "volume_burst", "atSeconds": 1, "lengthSeconds": 1, "size": 2, "direction": "buy"}]}"#,
            "volume_burst has no direction"
        ),
    ]) func whatIsWrongIsNamed(_ text: String, _ expected: String) {
        var message = ""
        do {
            _ = try decode(text)
        } catch let error as SpecificationError {
            message = error.description
        } catch DecodingError.dataCorrupted(let context) {
            message = context.underlyingError.map { "\($0)" } ?? ""
        } catch {
            message = "\(error)"
        }
        #expect(message.contains(expected), "\(message)")
    }

    private static func event(_ members: String) -> String {
        #"{"markets": [{"symbols": ["A"]}], "events": [{"type": "metaorder", \#(members)}]}"#
    }
}
