import Foundation
import Microstructure
import Testing

@testable import Simulation

/// What the simulator writes in the words of venues that send their books in the stream, held against what the venues
/// sent, and against the market.
@Suite struct StreamWriterTests {
    /// A market's frames of its first seconds, sent one after another.
    private struct Served<Writer: StreamWriter> {
        var frames: [MarketFrame] = []
        /// Before and after the frames.
        let first, last: [UInt8]
        let history: TradeHistory
        let listing: Listing

        init(_ symbol: String, seconds: Int64 = 10) throws {
            let dialect = StreamDialect<Writer>()
            var market = dialect.serve(
                SyntheticMarket(
                    SyntheticParameters(symbol: symbol), seed: 3,
                    startTime: Timestamp(nanoseconds: 1_700_000_000_000_000_000)),
                delays: .none)
            var history = TradeHistory()
            listing = market.listing
            let start = market.snapshot(limit: .max)
            first = try #require(start)
            while let frame = try market.nextFrame(dueBy: seconds * 1_000_000_000) {
                frames.append(frame)
                if let trade = dialect.trade(in: frame) { history.process(trade) }
            }
            let end = market.snapshot(limit: .max)
            last = try #require(end)
            self.history = history
        }

        func messages(_ kind: StreamKind) throws -> [[String: Any]] {
            try frames.filter { $0.kind == kind }.map { try JSON.object($0.bytes) }
        }

        func one(_ kind: StreamKind) throws -> [UInt8] { try #require(frames.last { $0.kind == kind }).bytes }
    }

    // MARK: Members and their types

    /// Source: Kraken Futures, recording of 2021-07-22; rows are cut.
    @Test func krakenFuturesWritesWhatWasRecorded() throws {
        let served = try Served<KrakenFuturesWriter>("BTCUSD")
        try expectAlike(
            served.first,
            """
            {"feed":"book_snapshot","product_id":"FI_XBTUSD_210730","timestamp":1626994927654,"seq":5159966,\
            "tickSize":null,"bids":[{"price":32170.5,"qty":1200.0}],"asks":[{"price":32192.5,"qty":1000.0}]}
            """)
        try expectAlike(
            served.one(.depth),
            """
            {"feed":"book","product_id":"PI_ETHUSD","side":"sell","seq":26660860,"price":2004.85,"qty":4787.0,\
            "timestamp":1626994927744}
            """)
        let trade = """
            {"feed":"trade","product_id":"PI_LTCUSD","uid":"e2429e31-8b9d-4195-900e-fd42be2dec89","side":"buy",\
            "type":"fill","seq":5956,"time":1626994929946,"qty":320.0,"price":119.44}
            """
        try expectAlike(served.one(.trade), trade)
        try expectAlike(
            KrakenFuturesWriter(served.listing).pastTrades(served.history),
            #"{"feed":"trade_snapshot","product_id":"FI_BCHUSD_210730","trades":[\#(trade)]}"#)
        #expect(!served.frames.contains { $0.kind == .quote })
    }

    /// Sources: Deribit, recording of 2021-07-22 (the books; the change has the rows of several); nautechsystems/nautilus_trader,
    /// `crates/adapters/deribit/test_data/ws_trades.json` and `ws_quote.json` of 2025-12.
    @Test func deribitWritesWhatWasRecorded() throws {
        let served = try Served<DeribitWriter>("BTCUSD")
        try expectAlike(
            served.first,
            """
            {"jsonrpc":"2.0","method":"subscription","params":{"channel":"book.ETH-30JUL21-2800-C.raw","data":\
            {"type":"snapshot","timestamp":1626993723632,"instrument_name":"ETH-30JUL21-2800-C","change_id":13169025645,\
            "bids":[["new",0.0015,4714.0],["new",0.001,861.0]],"asks":[["new",0.0025,873.0]]}}}
            """)
        try expectAlike(
            served.one(.depth),
            """
            {"jsonrpc":"2.0","method":"subscription","params":{"channel":"book.ETH-30JUL21-2800-C.raw","data":\
            {"type":"change","timestamp":1626993723632,"prev_change_id":13169025645,"instrument_name":\
            "ETH-30JUL21-2800-C","change_id":13169025646,"bids":[["change",0.0015,4714.0],["delete",0.001,0.0]],\
            "asks":[["new",0.0025,873.0]]}}}
            """)
        try expectAlike(
            served.one(.trade),
            """
            {"jsonrpc":"2.0","method":"subscription","params":{"channel":"trades.BTC-PERPETUAL.100ms","data":[\
            {"timestamp":1765531356452,"price":92294.5,"amount":10.0,"direction":"sell","index_price":92276.75,\
            "instrument_name":"BTC-PERPETUAL","trade_seq":271252854,"mark_price":92287.11,"tick_direction":2,\
            "contracts":1.0,"trade_id":"403691824"}]}}
            """)
        try expectAlike(
            served.one(.quote),
            """
            {"jsonrpc":"2.0","method":"subscription","params":{"channel":"quote.BTC-PERPETUAL","data":{"timestamp":\
            1765541767174,"instrument_name":"BTC-PERPETUAL","best_ask_price":92288.5,"best_bid_price":92288.0,\
            "best_ask_amount":99470.0,"best_bid_amount":133440.0}}}
            """)
    }

    /// Sources: lgoyal6/tickvault, `tests/fixtures/coinbase_l2.jsonl`, 2026-08-24; ccxt/ccxt, issue 27606, 2025-12-31;
    /// nautechsystems/nautilus_trader, `crates/adapters/coinbase/test_data/ws_ticker.json`.
    @Test func coinbaseAdvancedWritesWhatWasRecorded() throws {
        let served = try Served<CoinbaseAdvancedWriter>("BTCUSD")
        let book = { (type: String) in
            """
            {"channel":"l2_data","timestamp":"2026-08-24T22:34:13.813365299Z","sequence_num":2,"events":[{"type":\
            "\(type)","product_id":"BTC-USD","updates":[{"side":"bid","event_time":"2026-08-24T22:34:13.592233Z",\
            "price_level":"78856.05","new_quantity":"0.04868907"}]}]}
            """
        }
        try expectAlike(CoinbaseAdvancedWriter.numbered(served.first, 7), book("snapshot"))
        try expectAlike(CoinbaseAdvancedWriter.numbered(served.one(.depth), 8), book("update"))
        let trade = """
            {"channel":"market_trades","client_id":"","timestamp":"2025-12-31T06:00:12.516946132Z","sequence_num":1851,\
            "events":[{"type":"update","trades":[{"product_id":"BTC-USD","trade_id":"929248657","price":"88355.59",\
            "size":"0.00136573","time":"2025-12-31T06:00:12.44524Z","side":"SELL"}]}]}
            """
        try expectAlike(CoinbaseAdvancedWriter.numbered(served.one(.trade), 9), trade)
        let past = CoinbaseAdvancedWriter(served.listing).pastTrades(served.history, at: Timestamp(nanoseconds: 0))
        try expectAlike(CoinbaseAdvancedWriter.numbered(past, 10), trade)
        let ticker = """
            {"channel":"ticker","client_id":"","timestamp":"2026-04-07T14:30:03.000000Z","sequence_num":12,"events":[\
            {"type":"snapshot","tickers":[{"type":"ticker","product_id":"BTC-USD","price":"68900.50","volume_24_h":\
            "15328.12345678","low_24_h":"67500.00","high_24_h":"69200.00","low_52_w":"25000.00","high_52_w":"73800.00",\
            "price_percent_chg_24_h":"1.85","best_bid":"68900.00","best_bid_quantity":"1.50000000","best_ask":\
            "68901.00","best_ask_quantity":"0.50000000"}]}]}
            """
        try expectAlike(CoinbaseAdvancedWriter.numbered(served.one(.quote), 11), ticker)
        #expect(try JSON.object(CoinbaseAdvancedWriter.numbered(served.first, 12))["sequence_num"] as? Int == 12)
        // Best prices come with trades, at most one for each.
        #expect(served.frames.count { $0.kind == .quote } <= served.frames.count { $0.kind == .trade })
    }

    /// Sources: lgoyal6/tickvault, `tests/fixtures/bybit_orderbook.jsonl`, 2026-08-24, cut; the documentation of
    /// version 5, `publicTrade` of a linear contract.
    @Test func bybitWritesWhatWasRecorded() throws {
        let book = { (type: String) in
            """
            {"topic":"orderbook.50.BTCUSDT","ts":1787612486116,"type":"\(type)","data":{"s":"BTCUSDT","b":[["78715",\
            "1.271882"]],"a":[["78748.5","0"]],"u":217107085,"seq":113099229629},"cts":1787612486108}
            """
        }
        let trade = """
            {"topic":"publicTrade.BTCUSDT","type":"snapshot","ts":1672304486868,"data":[{"T":1672304486865,"s":"BTCUSDT",\
            "S":"Buy","v":"0.001","p":"16578.50","L":"PlusTick","i":"20f43950-d8dd-5b31-9112-a178eb6023af","BT":false,\
            "seq":1783284617}]}
            """
        func check<Writer: StreamWriter>(_ served: Served<Writer>) throws {
            try expectAlike(served.first, book("snapshot"))
            try expectAlike(served.one(.depth), book("delta"))
            try expectAlike(served.one(.quote), book("snapshot"))
            try expectAlike(served.one(.trade), trade)
        }
        try check(Served<BybitWriter>("BTCUSDT"))
        let inverse = try Served<BybitInverseWriter>("BTCUSD")
        try check(inverse)
        // Whole contracts.
        for frame in try inverse.messages(.trade) {
            let rows = try #require(frame["data"] as? [[String: Any]])
            #expect(rows.allSatisfy { Int($0["v"] as? String ?? "") ?? 0 > 0 }, "\(rows)")
        }
    }

    /// The comparison tells `50` from `50.0` and from a text.
    @Test func shapesDiffer() throws {
        let shapes = try ["50", "50.0", #""50""#, "null", "true", "[50]"].map {
            try JSON.shape(Array(#"{"qty":\#($0)}"#.utf8))
        }
        #expect(Set(shapes).count == shapes.count, "\(shapes)")
    }

    // MARK: What the messages say

    /// Changes applied to the first book give the last one, each action is true, and no number is left out.
    @Test func deribitsBookFollowsFromItsRows() throws {
        let served = try Served<DeribitWriter>("BTCUSD")
        func data(_ message: [String: Any]) throws -> [String: Any] {
            try #require((message["params"] as? [String: Any])?["data"] as? [String: Any])
        }
        let start = try data(JSON.object(served.first))
        var last = try #require(start["change_id"] as? Int)
        var sides = try ["bids", "asks"].map { try Self.levels(#require(start[$0] as? [[Any]])) }
        let messages = try served.messages(.depth)
        #expect(messages.count > 50)
        var deletions = 0
        for message in messages {
            let change = try data(message)
            #expect(change["prev_change_id"] as? Int == last)
            last = try #require(change["change_id"] as? Int)
            for (side, name) in ["bids", "asks"].enumerated() {
                for row in try #require(change[name] as? [[Any]]) {
                    let (action, price) = (row[0] as? String, row[1] as? Double ?? 0)
                    let amount = row[2] as? Double ?? -1
                    #expect((action == "new") == (sides[side][price] == nil) && (action == "delete") == (amount == 0))
                    // Dollars.
                    #expect(amount == amount.rounded())
                    if action == "delete" { deletions += 1 }
                    sides[side][price] = action == "delete" ? nil : amount
                }
            }
        }
        let end = try data(JSON.object(served.last))
        #expect(try sides == ["bids", "asks"].map { try Self.levels(#require(end[$0] as? [[Any]])) })
        #expect(end["change_id"] as? Int == last && deletions > 0)
    }

    private static func levels(_ rows: [[Any]]) -> [Double: Double] {
        Dictionary(uniqueKeysWithValues: rows.map { ($0[1] as? Double ?? 0, $0[2] as? Double ?? 0) })
    }

    @Test func krakenFuturesNumbersEveryLevel() throws {
        let served = try Served<KrakenFuturesWriter>("BTCUSD")
        let start = try JSON.object(served.first)
        var last = try #require(start["seq"] as? Int)
        func levels(_ book: [String: Any], _ side: String) throws -> [Double: Double] {
            let rows = try #require(book[side] as? [[String: Double]])
            return Dictionary(uniqueKeysWithValues: rows.map { ($0["price"] ?? 0, $0["qty"] ?? 0) })
        }
        var sides = try ["buy": levels(start, "bids"), "sell": levels(start, "asks")]
        for message in try served.messages(.depth) {
            #expect(message["seq"] as? Int == last + 1)
            last += 1
            let side = try #require(message["side"] as? String)
            let (price, size) = try (#require(message["price"] as? Double), #require(message["qty"] as? Double))
            sides[side]?[price] = size == 0 ? nil : size
        }
        let end = try JSON.object(served.last)
        #expect(end["seq"] as? Int == last)
        #expect(try sides == ["buy": levels(end, "bids"), "sell": levels(end, "asks")])
        // The trades sent again are the newest, newest first.
        let ids = try served.messages(.trade).compactMap { $0["seq"] as? Int }
        let past = try JSON.object(KrakenFuturesWriter(served.listing).pastTrades(served.history))
        let again = try #require(past["trades"] as? [[String: Any]]).compactMap { $0["seq"] as? Int }
        #expect(again == Array(ids.suffix(100).reversed()) && again.count > 10)
    }

    /// A snapshot taken while the messages of a change are under way states the number before them: what follows is seen as
    /// a loss, not taken for whole.
    @Test func snapshotsStateTheNumberOfTheBookTheyHold() {
        var numbers = MessageNumbers(after: 10)
        #expect(numbers.number(at: 100) == 10)
        _ = (numbers.next(), numbers.next())
        numbers.note(101)
        #expect(numbers.next() == 13)
        #expect(numbers.number(at: 100) == 10 && numbers.number(at: 101) == 12)
        numbers.note(105)
        #expect(numbers.number(at: 104) == 12 && numbers.number(at: 105) == 13)
        for id in 106..<200 { numbers.note(Int64(id)) }
        #expect(numbers.number(at: 50) == 13)
    }

    @Test func deribitsTradesAreFoundByNumber() throws {
        let served = try Served<DeribitWriter>("BTCUSD")
        let ids = served.history.records
        let first = try #require(ids.first).trade.id + 3
        let writer = DeribitWriter(served.listing)
        let page = try JSON.object(Array(writer.trades(served.history, from: first, limit: 2).utf8))
        let rows = try #require(page["trades"] as? [[String: Any]])
        #expect(rows.map { $0["trade_seq"] as? Int64 } == [first, first + 1] && page["has_more"] as? Bool == true)
        // The same as in the stream.
        let sent = try served.messages(.trade).compactMap {
            (($0["params"] as? [String: Any])?["data"] as? [[String: Any]])?.first
        }
        let same = try #require(sent.first { $0["trade_seq"] as? Int64 == first })
        for key in ["price", "amount", "contracts", "timestamp"] {
            #expect(same[key] as? Double == rows[0][key] as? Double, "\(key)")
        }
        let end = try JSON.object(Array(writer.trades(served.history, from: .max, limit: 5).utf8))
        #expect((end["trades"] as? [Any])?.isEmpty == true && end["has_more"] as? Bool == false)
    }
}

/// Holds a message's members and the types of their values against another's.
private func expectAlike(
    _ written: [UInt8], _ recorded: String, sourceLocation: SourceLocation = #_sourceLocation
) throws {
    let (own, other) = (try JSON.shape(written), try JSON.shape(Array(recorded.utf8)))
    #expect(own == other, sourceLocation: sourceLocation)
}

private enum JSON {
    static func object(_ bytes: [UInt8]) throws -> [String: Any] {
        try #require(JSONSerialization.jsonObject(with: Data(bytes)) as? [String: Any])
    }

    /// `{price:decimal,rows:[int]}`: numbers by how they are written; lists of the distinct shapes in them.
    static func shape(_ bytes: [UInt8]) throws -> String { try shape(object(bytes) as Any) }

    private static func shape(_ value: Any) -> String {
        switch value {
        case let object as [String: Any]:
            let members = object.map { "\($0.key):\(shape($0.value))" }.sorted()
            return "{\(members.joined(separator: ","))}"
        case let list as [Any]: return "[\(Set(list.map { shape($0) }).sorted().joined(separator: "|"))]"
        case is String: return "text"
        case is NSNull: return "null"
        case let number as NSNumber:
            switch String(cString: number.objCType) {
            case "d": return "decimal"
            case "c", "B": return "truth"
            default: return "int"
            }
        default: return "unknown"
        }
    }
}
