@testable import Runtime
import Foundation
import Testing
import Wire

@testable import Gateway

struct SignalList: Decodable {
    let signals: [SignalDocument]
    var nextCursor: String?

    enum CodingKeys: String, CodingKey {
        case signals
        case nextCursor = "next_cursor"
    }
}

extension GatewayTests {
    @Suite struct SignalsTests {
        @Test func queriesFilterAndSort() async throws {
            try await Bench.run { bench in
                try bench.publish(1, symbol: "BTCUSDT", type: "drift", score: 0.6)
                try bench.publish(2, symbol: "ETHUSDT", type: "burst", score: 0.7)
                try bench.publish(3, symbol: "BTCUSDT", type: "burst", score: 0.8)
                try bench.publish(4, symbol: "ETHUSDT", type: "drift", score: 0.9)
                #expect(try bench.holds(4, symbol: "ETHUSDT", type: "drift"))
                let port = bench.port
                func numbers(_ query: String) throws -> [Int] {
                    let answer = try ask(port, "GET", "/api/v1/signals" + query)
                    #expect(answer.status == 200, "\(query): \(answer.body)")
                    return try answer.decode(SignalList.self).signals.map { Int($0.timestamp) - 1_700_000_000 }
                }
                #expect(try numbers("") == [4, 3, 2, 1])
                #expect(try numbers("?symbol=BTCUSDT") == [3, 1])
                #expect(try numbers("?symbol=eth%2Fusdt") == [4, 2])
                #expect(try numbers("?type=burst") == [3, 2])
                #expect(try numbers("?since=1700000002&until=1700000003") == [3, 2])
                #expect(try numbers("?since=1700000002.5") == [4, 3])
                #expect(try numbers("?min_score=0.8") == [4, 3])
                #expect(try numbers("?limit=1") == [4])
                #expect(try numbers("?symbol=BTCUSDT&type=drift&min_score=0.6&limit=1000") == [1])
                #expect(try numbers("?symbol=XRPUSDT") == [])
                #expect(try numbers("?") == [4, 3, 2, 1])
                let page = try ask(port, "GET", "/api/v1/signals?limit=3").decode(SignalList.self)
                let cursor = try #require(page.nextCursor)
                #expect(try numbers("?limit=3&cursor=\(cursor)") == [1])
                #expect(try ask(port, "GET", "/api/v1/signals?limit=4").decode(SignalList.self).nextCursor == nil)
                #expect(try ask(port, "GET", "/api/v1/signals?cursor=x").status == 400)
            }
        }

        /// Two venues of one symbol are told apart; what a program posts is of no venue's market.
        @Test func queriesSelectByVenue() async throws {
            try await Bench.run { bench in
                try bench.publish(1, venue: "okx")
                try bench.publish(2, venue: "kraken")
                try bench.publish(3, symbol: "ETHUSDT", venue: "okx")
                #expect(try bench.holds(3, symbol: "ETHUSDT"))
                #expect(try post(bench.port, PostTests.example).status == 202)
                let port = bench.port
                func venues(_ query: String) throws -> [String?] {
                    let answer = try ask(port, "GET", "/api/v1/signals" + query)
                    #expect(answer.status == 200, "\(query): \(answer.body)")
                    return try answer.decode(SignalList.self).signals.map(\.venue)
                }
                #expect(try venues("") == [nil, "okx", "kraken", "okx"])
                #expect(try venues("?symbol=BTCUSDT") == [nil, "kraken", "okx"])
                #expect(try venues("?venue=okx") == ["okx", "okx"])
                #expect(try venues("?symbol=btc-usdt&venue=okx&type=drift") == ["okx"])
                #expect(try venues("?venue=kraken&since=1700000000") == ["kraken"])
                #expect(try venues("?venue=api") == [nil])
                #expect(try venues("?venue=bybit") == [])
            }
        }

        @Test func aSignalIsServedAsTheDetectorSentIt() async throws {
            try await Bench.run { bench in
                try bench.publish(7, score: 0.625)
                #expect(try bench.holds(7))
                let answer = try ask(bench.port, "GET", "/api/v1/signals/" + Bench.id(7))
                #expect(answer.headers["content-type"] == "application/json")
                let expected = SignalDocument(
                    Bench.signal(7, symbol: "BTCUSDT", type: "drift", score: 0.625, padding: 0))
                #expect(try answer.decode(SignalDocument.self) == expected)
                #expect(try ask(bench.port, "GET", "/api/v1/signals").decode(SignalList.self).signals == [expected])
            }
        }

        @Test func aSignalThatComesTwiceIsHeldOnce() async throws {
            try await Bench.run { bench in
                for _ in 0..<3 { try bench.publish(1) }
                try bench.publish(2)
                #expect(try bench.holds(2))
                #expect(try ask(bench.port, "GET", "/api/v1/signals").decode(SignalList.self).signals.count == 2)
            }
        }

        @Test func anUnusableIDIsRefusedAndCounted() async throws {
            let labels = #"{reason="invalid_field"}"#
            try await Bench.run { bench in
                let before = metric(MetricName.busRejected, labels)
                for id in ["", "a\nid: b", "a b", String(repeating: "x", count: 161)] {
                    var signal = Bench.signal(1, symbol: "BTCUSDT", type: "drift", score: 0.5, padding: 0)
                    signal.id = id
                    try bench.publish(.signal(signal), on: .signal(venue: "binance", symbol: "BTCUSDT", type: "drift"))
                }
                try bench.publish(2)
                #expect(try bench.holds(2))
                #expect(metric(MetricName.busRejected, labels) == before + 4)
                #expect(try ask(bench.port, "GET", "/api/v1/signals").decode(SignalList.self).signals.count == 1)
            }
        }

        @Test func malformedQueriesSayWhatToDo() async throws {
            let cases: [(query: String, mentions: String)] = [
                ("sybmol=BTCUSDT", "unknown query parameter 'sybmol'; use symbol, venue, type"),
                ("symbol", "symbol needs"), ("symbol=", "symbol needs"), ("symbol=BTC%20USDT", "symbol needs"),
                ("symbol=" + String(repeating: "A", count: 33), "symbol needs"),
                ("venue", "venue='' is no venue"), ("venue=OKX", "written like okx"), ("venue=a.b", "no venue"),
                ("venue=okx&venue=okx", "'venue' stands twice"),
                ("symbol=A&symbol=B", "'symbol' stands twice"), ("type=Drift", "no signal type"),
                ("type=", "no signal type"),
                ("since=yesterday", "since='yesterday'"), ("since=nan", "since='nan'"), ("since=inf", "since='inf'"),
                ("since=0x10", "since='0x10'"), ("since=-1", "since='-1'"), ("until=1e300", "until='1e300'"),
                ("since=5&until=4", "since=5.0 is after until=4.0"), ("since=", "since=''"),
                ("min_score=1.5", "min_score='1.5'"), ("min_score=-0.1", "min_score='-0.1'"),
                ("limit=0", "limit='0'"), ("limit=1001", "limit='1001'"), ("limit=ten", "limit='ten'"),
                ("limit=1.5", "limit='1.5'"), ("limit=99999999999999999999", "limit='9999"),
                ("symbol=%zz", "not percent-encoded"), ("symbol=%ff", "not percent-encoded"),
                ("=x", "unknown query parameter ''"),
            ]
            try await Bench.run { bench in
                for (query, mentions) in cases {
                    let answer = try ask(bench.port, "GET", "/api/v1/signals?" + query)
                    #expect(answer.status == 400, "\(query)")
                    #expect(answer.headers["content-type"] == "application/problem+json", "\(query)")
                    let problem = try answer.decode(ProblemDocument.self)
                    #expect(problem.status == 400)
                    #expect(problem.detail.contains(mentions), "\(query): \(problem.detail)")
                }
                for path in ["/api/v1/symbols?x=1", "/api/v1/signals/abc?x=1", "/api/v1/schema?x=1"] {
                    let answer = try ask(bench.port, "GET", path)
                    #expect(answer.status == 400, "\(path)")
                    #expect(try answer.decode(ProblemDocument.self).detail.contains("takes none"))
                }
            }
        }
    }
}
