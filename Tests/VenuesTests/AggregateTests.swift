import Microstructure
import TestSupport
import Testing

@testable import Venues

/// Missing trades that are had as aggregates only.
@Suite struct AggregateTests {
    /// A trade as the venue keeps it; sizes in hundredths, which is what `trade(size:)` writes.
    private struct Issued {
        let id: Int64
        let size: Int64
        let aggregate: Int64
    }

    private static func frame(_ trade: Issued) -> String {
        """
        {"e":"trade","E":1700000000005,"s":"BTCUSDT","t":\(trade.id),"p":"100.50","q":"\(decimal(trade.size))",\
        "T":\(1_700_000_000_000 + trade.aggregate),"m":true,"M":true}
        """
    }

    private static func decimal(_ hundredths: Int64) -> String {
        "\(hundredths / 100).\(hundredths % 100 < 10 ? "0" : "")\(hundredths % 100)"
    }

    /// The venue's answer, of all trades that belong to aggregates from `start` on.
    private static func body(_ trades: [Issued], from start: Int64 = 0, limit: Int = 1_000) -> String {
        var rows: [String] = []
        var offset = 0
        while offset < trades.count, rows.count < limit {
            let first = trades[offset]
            var end = offset
            while end < trades.count, trades[end].aggregate == first.aggregate { end += 1 }
            let size = trades[offset..<end].reduce(0) { $0 + $1.size }
            if first.aggregate >= start {
                rows.append(
                    """
                    {"a":\(first.aggregate),"p":"100.50","q":"\(decimal(size))","f":\(first.id),\
                    "l":\(trades[end - 1].id),"T":\(1_700_000_000_000 + first.aggregate),"m":true,"M":true}
                    """)
            }
            offset = end
        }
        return "[\(rows.joined(separator: ","))]"
    }

    private static func trades(_ lab: Lab) -> [Trade] {
        lab.batch.events.compactMap { if case .trade(let trade) = $0 { trade } else { nil } }
    }

    private static let three = [
        Issued(id: 99, size: 10, aggregate: 1), Issued(id: 100, size: 20, aggregate: 2),
        Issued(id: 101, size: 30, aggregate: 2), Issued(id: 102, size: 40, aggregate: 2),
        Issued(id: 103, size: 50, aggregate: 3), Issued(id: 104, size: 60, aggregate: 4),
    ]

    private static func lab(missing ids: Set<Int64>, of trades: [Issued] = three) throws -> Lab {
        let lab = try Lab(.spot("BTCUSDT", quantity: -2))
        for trade in trades where !ids.contains(trade.id) { try lab.frame(frame(trade)) }
        return lab
    }

    @Test func oneMissingTradeOfAnAggregateIsExact() throws {
        let lab = try Self.lab(missing: [101])
        try lab.aggregates(Self.body(Self.three), from: 101, isFinal: false)
        let trade = try #require(Self.trades(lab).first)
        #expect(Self.trades(lab).count == 1 && trade.id == 101 && trade.firstID == 101 && trade.isBackfilled)
        #expect(trade.quantity == Quantity(30) && trade.price == Price(10_050) && trade.aggressor == .sell)
        #expect(trade.times.venue == Timestamp(milliseconds: 1_700_000_000_002))
        #expect(lab.counts().backfilledTrades == 1 && lab.counts().aggregatedTrades == 0 && lab.missingTrades() == 0)
    }

    @Test func severalMissingTradesOfAnAggregateAreOneSum() throws {
        let lab = try Self.lab(missing: [101, 102, 103])
        try lab.aggregates(Self.body(Self.three), from: 101, isFinal: false)
        let trades = Self.trades(lab)
        #expect(trades.map(\.id) == [102, 103] && trades.map(\.firstID) == [101, 103])
        #expect(trades.map(\.quantity) == [Quantity(70), Quantity(50)])
        #expect(lab.counts().backfilledTrades == 3 && lab.counts().aggregatedTrades == 2)
        #expect(lab.counts().unfilledTrades == 0 && lab.missingTrades() == 0)
    }

    @Test func whatOnlyTheSplitSizesWouldTellIsUnfilled() throws {
        let lab = try Self.lab(missing: [100, 102])
        try lab.aggregates(Self.body(Self.three), from: 100, isFinal: false)
        #expect(Self.trades(lab).isEmpty && lab.counts().unfilledTrades == 2 && lab.missingTrades() == 0)
    }

    @Test func anAggregateOfWhichTheNewestTradeIsStillOnItsWayWaits() throws {
        let trades = Array(Self.three.prefix(3))
        let lab = try Self.lab(missing: [100], of: trades)
        // The venue has 102 already.
        try lab.aggregates(Self.body(Self.three), from: 100, isFinal: false)
        #expect(Self.trades(lab).isEmpty && lab.counts().unfilledTrades == 0 && lab.missingTrades() == 1)
        try lab.frame(Self.frame(Self.three[3]))
        try lab.aggregates(Self.body(Self.three), from: 100, isFinal: false)
        #expect(Self.trades(lab).map(\.quantity) == [Quantity(20)])
    }

    @Test func aSilentStreamIsAskedByTimeAndThenByTheAggregatesIDs() throws {
        let lab = try Self.lab(missing: [102, 103, 104])
        let id = InstrumentID(0)
        func request() -> String? {
            lab.session.tradesRequest(for: id, from: 102, limit: 1_000, source: .aggregates)?.target
        }
        #expect(request() == "/api/v3/aggTrades?symbol=BTCUSDT&startTime=1700000000002&limit=1000")
        try lab.aggregates(Self.body(Self.three, from: 2), from: 102, isFinal: false)
        #expect(Self.trades(lab).map(\.id) == [102, 103, 104] && Self.trades(lab)[0].quantity == Quantity(40))
        #expect(lab.lastTradeID() == 104 && lab.counts().missedTrades == 3 && lab.counts().backfilledTrades == 3)
        #expect(
            lab.session.tradesRequest(for: id, from: 105, limit: 1_000, source: .aggregates)?.target
                == "/api/v3/aggTrades?symbol=BTCUSDT&fromId=5&limit=1000")
    }

    @Test func rowsThatCannotBeAreRefused() throws {
        let lab = try Self.lab(missing: [101])
        let good = Self.body(Self.three)
        for bad in [
            good.replacing("\"f\":100", with: "\"f\":103"), good.replacing("\"q\":\"0.90\"", with: "\"q\":\"0\""),
            good.replacing("\"l\":102", with: "\"l\":9223372036854775807"), good.replacing("\"a\":2,", with: ""),
            good.replacing("\"q\":\"0.90\"", with: "\"q\":\"0.905\""), "{}", "[{}]", "[",
        ] {
            #expect(throws: VenueError.self) { try lab.aggregates(bad, from: 101, isFinal: false) }
            #expect(lab.missingTrades() == 1 && lab.counts().backfilledTrades == 0)
        }
        // The venue's mark for an aggregate that it has lost.
        let lost = #"[{"a":1,"p":"0","q":"0","f":-1,"l":-1,"T":1,"m":true,"M":true},"# + good.dropFirst()
        try lab.aggregates(lost, from: 101, isFinal: false)
        #expect(lab.counts().backfilledTrades == 1)
    }

    /// Whatever is missing: every id is handed on once or counted, and what is handed on has the right size.
    @Test func accountsAreExactForAnyHoles() throws {
        let seed = testSeed
        print("seed \(seed)")
        var random = Random(seed: seed)
        for _ in 0..<300 {
            var issued: [Issued] = []
            var aggregate: Int64 = 1
            for id in Int64(100)..<160 {
                issued.append(Issued(id: id, size: Int64.random(in: 1...9, using: &random), aggregate: aggregate))
                if Int.random(in: 0...2, using: &random) == 0 { aggregate += 1 }
            }
            let missing = Set(
                issued.dropFirst().dropLast().map(\.id).filter { _ in Int.random(in: 0...3, using: &random) == 0 })
            let lab = try Lab(.spot("BTCUSDT", quantity: -2))
            var handedOn: [ClosedRange<Int64>: Int64] = [:]
            func take() {
                for trade in Self.trades(lab) {
                    #expect(handedOn.updateValue(trade.quantity.mantissa, forKey: trade.firstID...trade.id) == nil)
                }
            }
            for trade in issued where !missing.contains(trade.id) {
                try lab.frame(Self.frame(trade))
                take()
            }
            let limit = Int.random(in: 1...8, using: &random)
            var rounds = 0
            while let first = lab.firstMissingTrade() {
                rounds += 1
                let request = lab.session.tradesRequest(
                    for: InstrumentID(0), from: first, limit: limit, source: .aggregates)
                let query = try #require(request).query
                func number(_ key: String) -> Int64? {
                    query.split(separator: "&").first { $0.hasPrefix("\(key)=") }.flatMap {
                        Int64($0.dropFirst(key.count + 1))
                    }
                }
                // A time is that of its aggregate here.
                let start = number("fromId") ?? number("startTime")! - 1_700_000_000_000
                try lab.aggregates(
                    Self.body(issued, from: start, limit: limit), from: first, limit: limit, isFinal: false)
                take()
                #expect(rounds < 200)
                if rounds >= 200 { break }
            }
            let counts = lab.counts()
            #expect(counts.missedTrades == UInt64(missing.count) && lab.missingTrades() == 0)
            #expect(counts.backfilledTrades + counts.unfilledTrades == counts.missedTrades)
            let ids = handedOn.keys.flatMap { Array($0) }
            #expect(Set(ids).count == ids.count && UInt64(issued.count - ids.count) == counts.unfilledTrades)
            for (range, size) in handedOn {
                #expect(size == issued.filter { range.contains($0.id) }.reduce(0) { $0 + $1.size })
            }
        }
    }
}

/// Recordings that hold aggregates and no single trades.
@Suite struct RecordedAggregateTests {
    private static func frame(_ first: Int64, _ last: Int64, isWrapped: Bool = true, unit: Int64 = 1) -> String {
        let data = """
            {"e":"aggTrade","E":1672515782136,"s":"BTCUSDT","a":12345,"p":"100.50","q":"2.00","f":\(first),"l":\(last),\
            "T":\(1_672_515_782_136 * unit),"m":true,"M":true}
            """
        return isWrapped ? "{\"stream\":\"btcusdt@aggTrade\",\"data\":\(data)}" : data
    }

    /// Each stands for its trades; those before that never came are counted, and a late one fills its gap.
    @Test func anAggregateIsATrade() throws {
        var session = try BinanceSession(BinanceConfiguration(instruments: [.spot("BTCUSDT", quantity: -2)]))
        var batch = EventBatch()
        let time = Timestamp(nanoseconds: 1_672_515_783_000_000_000)
        func receive(_ text: String) throws {
            let bytes = Array(text.utf8)
            try session.receive(aggregate: bytes.span, of: InstrumentID(0), at: time, into: &batch)
        }
        try receive(Self.frame(100, 105))
        try receive(Self.frame(106, 106, isWrapped: false))
        try receive(Self.frame(110, 112))
        try receive(Self.frame(107, 108))
        try receive(Self.frame(107, 108))
        session.setTimeUnit(.microseconds)
        try receive(Self.frame(113, 113, unit: 1_000))
        #expect(throws: VenueError.self) { try receive(Self.frame(115, 114)) }
        #expect(throws: VenueError.self) { try receive("{\"stream\":\"btcusdt@aggTrade\",\"data\":{") }
        let trades = batch.events.compactMap { if case .trade(let trade) = $0 { trade } else { nil } }
        #expect(trades.map(\.id) == [105, 106, 112, 108, 113])
        #expect(trades.map(\.firstID) == [100, 106, 110, 107, 113])
        #expect(trades.allSatisfy { $0.times.venue.nanoseconds == 1_672_515_782_136_000_000 && !$0.isBackfilled })
        let counts = session.counts(of: InstrumentID(0))
        #expect(counts.trades == 5 && counts.duplicateTrades == 1 && counts.missedTrades == 3 && counts.lateTrades == 1)
        #expect(counts.rejections.total == 2 && counts.messages == counts.outcomes)
        #expect(session.missingTrades(of: InstrumentID(0)) == 1)
    }
}
