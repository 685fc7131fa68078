@testable import Lab
import Foundation
import Microstructure
import Testing

/// Recordings as they may come: whose they are, and what `verify` makes of those that lack something.
@Suite struct RecordingTests {
    private let bench: ImportBench

    init() throws { bench = try ImportBench() }

    /// With blanks, with the name behind the data, of one channel only.
    @Test(
        arguments: [
            (
                #"{"e": "trade", "E": 1, "s": "BTCUSDT", "t": 1, "p": "1", "q": "1", "T": 1, "m": true, "M": true}"#,
                "binance"
            ),
            (
                #"{"e":"aggTrade","E":1,"s":"BTCUSDT","a":1,"p":"1","q":"1","f":1,"l":1,"T":1,"m":true,"M":true}"#,
                "binance"
            ),
            (
                #"{"e":"aggTrade","E":1,"s":"BTCUSDT","a":1,"p":"1","q":"1","nq":"1","f":1,"l":1,"T":1,"m":true}"#,
                "binance-usdm"
            ),
            (#"{"e":"bookTicker","u":5,"s":"BTCUSDT","b":"1","B":"2","a":"3","A":"1","T":1,"E":2}"#, "binance-usdm"),
            (
                #"{"stream":"btcusdt@bookTicker","data":{"u":5,"s":"BTCUSDT","b":"1","B":"2","a":"3","A":"1"}}"#,
                "binance"
            ),
            (
                #"{"feed": "book", "product_id": "PI_XBTUSD", "side": "sell", "seq": 1, "price": 1, "qty": 1, "timestamp": 1}"#,
                "kraken-futures"
            ),
            (
                #"{"topic":"publicTrade.BTCUSDT","type":"snapshot","ts":1,"data":[{"T":1,"s":"BTCUSDT","S":"Buy","v":"1","p":"1","i":"20f43950-d8dd-5b31-9112-a178eb6023af","BT":false}]}"#,
                "bybit-linear"
            ),
            (
                #"{"topic":"publicTrade.BTCUSD","type":"snapshot","ts":1,"data":[{"T":1,"s":"BTCUSD","S":"Buy","v":"1","p":"1","i":"20f43950-d8dd-5b31-9112-a178eb6023af","BT":false}]}"#,
                "bybit-inverse"
            ),
            (
                #"{"topic":"publicTrade.BTCUSDT","type":"snapshot","ts":1,"data":[{"T":1,"s":"BTCUSDT","S":"Buy","v":"1","p":"1","i":"2290000000068683805","BT":false}]}"#,
                "bybit"
            ),
        ])
    func theVenueIsToldFromOneMessage(message: String, venue: String) throws {
        let path = try bench.file("x.raw", "1723161255030314667 \(message)\n")
        #expect(try RecordedProtocol(path: path)?.rawValue == venue)
    }

    /// A long message whose channel stands behind its levels.
    @Test func theChannelMayStandBehindTheData() throws {
        let levels = (1...60).map { #"["\#($0).00", "1.00000000"]"# }.joined(separator: ", ")
        let message =
            #"{"data": {"timestamp": "1", "microtimestamp": "1", "bids": [\#(levels)], "asks": []}, "channel": "diff_order_book_btcusd", "event": "data"}"#
        let path = try bench.file("x.raw", "1617654358.468787: \(message)\n")
        #expect(try RecordedProtocol(path: path) == .bitstamp)
    }

    /// A book of Bybit does not say of which market it is; a trade behind it does.
    @Test func bybitsMarketsAreToldByTheirTrades() throws {
        let book =
            #"{"topic":"orderbook.50.BTCUSDT","type":"snapshot","ts":1,"data":{"s":"BTCUSDT","b":[],"a":[],"u":1,"seq":1}}"#
        let trade =
            #"{"topic":"publicTrade.BTCUSDT","type":"snapshot","ts":1,"data":[{"T":1,"s":"BTCUSDT","S":"Buy","v":"1","p":"1","i":"20f43950-d8dd-5b31-9112-a178eb6023af"}]}"#
        let both = try bench.file("x.raw", [book, trade].map { "1723161255030314667 \($0)\n" }.joined())
        #expect(try RecordedProtocol(path: both) == .bybitLinear)
        #expect(try RecordedProtocol(path: bench.file("y.raw", "1723161255030314667 \(book)\n")) == .bybit)
    }

    /// One venue's recording is not stored beside another's.
    @Test func recordingsOfTwoVenuesAreNotPutTogether() throws {
        let one = try bench.file("x.raw", #"1723161255030314667 {"jsonrpc":"2.0","method":"subscription"}"# + "\n")
        let two = try bench.file("y.raw", #"1723161255030314667 {"e":"trade","s":"BTCUSDT"}"# + "\n")
        let error = #expect(throws: ImportError.self) { try RecordedProtocol(ofAll: [one, two]) }
        #expect(error.map { "\($0)".contains("is of deribit") && "\($0)".contains("of binance") } == true)
    }

    // MARK: Books without quotes

    private static func depth(_ first: Int, _ last: Int) -> String {
        #"\#(1_700_000_000_000_000_000 + last * 1_000_000) {"e":"depthUpdate","E":1700000000000,"s":"BTCUSDT","U":\#(first),"u":\#(last),"b":[["1.50","\#(last)"]],"a":[]}"#
    }
    private static let snapshot =
        #"1700000000011500000 {"lastUpdateId":11,"bids":[["1.50","3"]],"asks":[["1.51","1"]]}"#

    private func audit(_ lines: [String]) throws -> CaptureAudit {
        try CaptureAudit(paths: [bench.file("x.raw", lines.sorted().joined(separator: "\n") + "\n")]) { _ in }
    }

    /// Without quotes, the ids are the checks.
    @Test func aChainWithoutQuotesIsEnough() throws {
        let whole = try audit([Self.snapshot] + (1...20).map { Self.depth(8 + 2 * $0, 9 + 2 * $0) })
        let market = try #require(whole.markets.first)
        #expect(whole.isGood && market.compared == 0 && market.checks > 15 && market.passed == market.checks)
        let hole = try audit([Self.snapshot] + (1...20).filter { $0 != 9 }.map { Self.depth(8 + 2 * $0, 9 + 2 * $0) })
        #expect(!hole.isGood && hole.markets[0].counts.gaps == 1)
        // Changes alone build no book.
        let none = try audit((1...20).map { Self.depth(8 + 2 * $0, 9 + 2 * $0) })
        #expect(!none.isGood && none.report.counts[.noBook] == 1)
    }

    // MARK: Documents

    /// The table of `microlab venues` is that of the page. `MICROSTRUCTURE_WRITE=1 swift test --filter RecordingTests` writes
    /// it anew.
    @Test func thePageHoldsTheTableOfTheAdapters() throws {
        let page = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
            .deletingLastPathComponent().appending(path: "Sources/Microstructure/Microstructure.docc/Venues.md")
        var text = try String(contentsOf: page, encoding: .utf8)
        let table = try VenueTable.markdown()
        if ProcessInfo.processInfo.environment["MICROSTRUCTURE_WRITE"] != nil {
            let start = try #require(text.range(of: "| `--venue`")).lowerBound
            let end = try #require(text[start...].range(of: "\n\n")).lowerBound
            text.replaceSubrange(start..<end, with: table)
            try Data(text.utf8).write(to: page)
        }
        #expect(
            text.contains(table + "\n\n"),
            "Venues.md is stale: MICROSTRUCTURE_WRITE=1 swift test --filter RecordingTests writes it anew")
    }
}
