import Foundation
import Microstructure
import Testing
import Wire

@testable import Gateway
@testable import Runtime

extension GatewayTests {
    @Suite struct HistoryTests {
        struct Document: Decodable {
            let symbol, venue: String
            let tradeCount: Int
            let time: [Int]
            let mid, microprice, imbalance5, imbalance10, bought, sold: [Double?]

            enum CodingKeys: String, CodingKey {
                case symbol, venue, time, mid, microprice, bought, sold
                case tradeCount = "trade_count"
                case imbalance5 = "imbalance_5"
                case imbalance10 = "imbalance_10"
            }
        }

        private static let columns = ChartColumns(FeatureSchema())

        private static func values(mid: Double) -> [Double] {
            var values = [Double](repeating: 0, count: FeatureSchema().columns.count)
            for (place, value) in [
                (columns.mid, mid), (columns.microprice, mid + 0.25), (columns.imbalance5, 0.5),
                (columns.imbalance10, -0.125),
            ] {
                if let place { values[place] = value }
            }
            return values
        }

        private static func vector(mid: Double, at second: Double, _ validity: ProtoValidity = .valid)
            -> ProtoFeatureVector
        {
            var vector = ProtoFeatureVector()
            (vector.schemaID, vector.validity, vector.values) = (FeatureSchema().id, validity, values(mid: mid))
            vector.receiveTimeNs = Int64(second * 1e9)
            return vector
        }

        private static func trade(_ id: Int64, _ quantity: Int64, sold: Bool = false, at second: Double) -> ProtoTrade {
            var trade = ProtoTrade()
            (trade.id, trade.price, trade.quantity, trade.quantityExponent) = (id, 100, quantity, -2)
            trade.aggressor = sold ? .sell : .buy
            trade.receiveTimeNs = Int64(second * 1e9)
            return trade
        }

        @Test func theLastMinutesAreServedARowASecond() async throws {
            try await Bench.run { bench in
                let port = bench.port
                let path = "/api/v1/history/BTCUSDT"
                #expect(try ask(port, "GET", path).status == 404)
                let (features, trades) = (
                    Topic.feature(venue: "binance", symbol: "BTCUSDT"), Topic.tick(.binance, "BTCUSDT", .trade)
                )
                try bench.publish(.featureVector(Self.vector(mid: 100, at: 1_000.1)), on: features)
                try bench.publish(.featureVector(Self.vector(mid: 101, at: 1_000.9)), on: features)
                try bench.publish(.featureVector(Self.vector(mid: 102, at: 1_001.5, .stale)), on: features)
                try bench.publish(.featureVector(Self.vector(mid: 103, at: 1_003)), on: features)
                try bench.publish(.trade(Self.trade(7, 150, at: 1_000.2)), on: trades)
                try bench.publish(.trade(Self.trade(8, 25, at: 1_004.2)), on: trades)
                // It comes after a later one, by another connection.
                try bench.publish(.trade(Self.trade(9, 50, sold: true, at: 1_000.8)), on: trades)
                var backfilled = Self.trade(6, 1_000, at: 1_004.3)
                backfilled.backfilled = true
                try bench.publish(.trade(backfilled), on: trades)
                func history() throws -> Document { try ask(port, "GET", path).decode(Document.self) }
                #expect(
                    try eventually {
                        let answer = try ask(port, "GET", path)
                        guard answer.status == 200 else { return false }
                        let document = try answer.decode(Document.self)
                        return document.tradeCount == 4 && document.time == [1_000, 1_001, 1_003, 1_004]
                    })
                let document = try history()
                #expect(document.symbol == "BTCUSDT" && document.venue == "binance")
                // The last vector of a second; nothing while the book was not valid; a second without a vector goes on.
                #expect(document.mid == [101, nil, 103, 103] && document.microprice == [101.25, nil, 103.25, 103.25])
                #expect(document.imbalance5 == [0.5, nil, 0.5, 0.5])
                #expect(document.imbalance10 == [-0.125, nil, -0.125, -0.125])
                #expect(document.bought == [1.5, 0, 0, 0.25] && document.sold == [0.5, 0, 0, 0])
                #expect(try ask(port, "GET", path + "?venue=binance").status == 200)
                #expect(try ask(port, "GET", path + "?venue=kraken").status == 404)
                #expect(try ask(port, "GET", path + "?minutes=5").status == 400)
            }
        }

        @Test func fiveMinutesAreKept() {
            var history = MarketHistory()
            for second in 0..<1_000 {
                history.add(
                    Self.values(mid: Double(second)), isValid: true, Self.columns, at: Int64(second) * 1_000_000_000)
            }
            #expect(history.rows.map(\.second) == (700..<1_000).map { Int64($0) })
            #expect(history.rows.map(\.mid) == (700..<1_000).map { Double($0) })
            #expect(MemoryLayout<MarketHistory.Row>.stride * MarketHistory.secondsLimit == 19_200)
        }

        /// Times come from the bus: none of them may trap, and a wrong one must not keep the true ones out.
        @Test func noTimeStopsTheHistory() {
            var history = MarketHistory()
            let second = Int64(1_000_000_000)
            for time in [Int64.min, -1, .max, 0, .max, 1_700_000_000 * second, .min] {
                history.add(quantity: 1, isBuy: true, at: time)
                history.add(Self.values(mid: 1), isValid: true, Self.columns, at: time)
                #expect(history.rows.count <= MarketHistory.secondsLimit)
            }
            #expect(history.rows.map(\.second) == [1_700_000_000])
            // The clock is set back by an hour, and goes on from there.
            history.add(quantity: 2, isBuy: false, at: 1_699_996_400 * second)
            history.add(quantity: 1, isBuy: false, at: 1_699_996_401 * second)
            #expect(history.rows.map(\.sold) == [2, 1])
        }

        @Test func aStateLastsOnlySoLong() {
            var history = MarketHistory()
            history.add(Self.values(mid: 5), isValid: true, Self.columns, at: 100_000_000_000)
            history.add(quantity: 1, isBuy: true, at: 110_000_000_000)
            history.add(quantity: 1, isBuy: true, at: 111_000_000_000)
            #expect(history.rows[1].mid == 5 && history.rows[2].mid.isNaN)
        }

        /// The number of a stream's trade says whether the history contains it: together they count each trade once.
        @Test func theStreamGoesOnWhereTheHistoryEnds() async throws {
            struct Trades: Decodable {
                struct Trade: Decodable {
                    let quantity: String
                }
                let count: Int
                let trades: [Trade]
            }
            try await Bench.run { bench in
                let topic = Topic.tick(.binance, "BTCUSDT", .trade)
                let port = bench.port
                for id in 1...50 {
                    try bench.publish(.trade(Self.trade(Int64(id), Int64(id) * 100, at: 2_000)), on: topic)
                }
                #expect(
                    try eventually { try ask(port, "GET", "/api/v1/trades/BTCUSDT?limit=1").body.contains("\"id\":50") }
                )
                let stream = try StreamClient(port: port, path: "/api/v1/live/BTCUSDT?rate=100")
                #expect(try stream.opened())
                for id in 51...100 {
                    try bench.publish(.trade(Self.trade(Int64(id), Int64(id) * 100, at: 2_001)), on: topic)
                }
                let document = try ask(port, "GET", "/api/v1/history/BTCUSDT").decode(Document.self)
                for id in 101...150 {
                    try bench.publish(.trade(Self.trade(Int64(id), Int64(id) * 100, at: 2_002)), on: topic)
                }
                var events: [Trades] = []
                #expect(
                    try stream.connection.read { _ in
                        events = try stream.events.filter { $0.name == "trades" }.map {
                            try JSONDecoder().decode(Trades.self, from: Data($0.data.utf8))
                        }
                        return events.last?.count == 150
                    })
                var (known, sum) = (document.tradeCount, document.bought.compactMap(\.self).reduce(0, +))
                for event in events {
                    for (index, trade) in event.trades.enumerated().reversed() where event.count - index > known {
                        known = event.count - index
                        sum += Double(trade.quantity) ?? .nan
                    }
                }
                #expect(sum == (1...150).map(Double.init).reduce(0, +))
            }
        }
    }
}
