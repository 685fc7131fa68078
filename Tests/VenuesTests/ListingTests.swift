import Microstructure
import Testing

@testable import Venues

/// Which symbols a venue lists, and whether they trade.
@Suite struct ListingTests {
    private static func listing(_ symbol: String) -> VenueListing {
        VenueListing(
            symbol: symbol, status: .trading,
            instrument: .success(Instrument(venue: .binance, symbol: symbol, priceExponent: -2, quantityExponent: -3)))
    }

    /// A venue that refuses a whole request for one unknown symbol, as Binance does.
    private static func search(_ symbols: [String], unknown: Set<String>) -> (search: ListingSearch, requests: Int) {
        var (search, requests) = (ListingSearch([symbols]), 0)
        while let batch = search.next, requests < 10_000 {
            requests += 1
            if unknown.isDisjoint(with: batch) {
                search.take(batch.map(listing))
            } else {
                search.refuse("Invalid symbol.")
            }
        }
        return (search, requests)
    }

    @Test func eachUnknownSymbolIsFoundWithFewRequests() {
        let symbols = (0..<341).map { "S\($0)USDT" }
        for unknown: Set<String> in [[], ["S0USDT"], ["S340USDT"], ["S7USDT", "S8USDT", "S200USDT"]] {
            let (search, requests) = Self.search(symbols, unknown: unknown)
            #expect(Set(search.unlisted.map(\.symbol)) == unknown)
            #expect(search.listings.map(\.symbol) == symbols.filter { !unknown.contains($0) })
            #expect(requests <= 1 + unknown.count * 18, "\(requests) requests for \(unknown.count) unknown symbols")
        }
        let (none, requests) = Self.search(["A", "B", "C"], unknown: ["A", "B", "C"])
        #expect(none.listings.isEmpty && none.unlisted.count == 3 && requests == 5)
        #expect(none.unlisted.allSatisfy { $0.reason == "Invalid symbol." })
    }

    /// A symbol that is missing in an answer, or whose rules cannot be read, concerns no other.
    @Test func aSymbolWithoutReadableRulesIsSetAsideAlone() throws {
        let body = #"""
            {"symbols":[{"symbol":"AUSDT","status":"TRADING","filters":[{"filterType":"PRICE_FILTER","tickSize":"0.01"},
            {"filterType":"LOT_SIZE","stepSize":"0.1"}]},{"symbol":"BUSDT","status":"BREAK","filters":[]}]}
            """#
        let listings = try BinanceREST.decodeListings(Array(body.utf8).span, venue: .binance)
        var search = ListingSearch([["AUSDT", "BUSDT", "CUSDT"]])
        search.take(listings)
        #expect(search.next == nil && search.listings.map(\.symbol) == ["AUSDT"])
        #expect(search.unlisted.map(\.symbol) == ["BUSDT", "CUSDT"])
        #expect(search.unlisted[0].reason.contains("BUSDT.tickSize") && search.unlisted[1].reason.contains("not list"))
    }

    @Test(
        arguments: [
            ("TRADING", TradingStatus.trading), ("HALT", .halted), ("BREAK", .paused), ("CANCEL_ONLY", .cancelOnly),
            ("END_OF_DAY", .closed), ("AUCTION_MATCH", .auction), ("PRE_TRADING", .closed), ("SOMETHING_NEW", .other),
        ]) func theVenuesWordsForAStatus(text: String, status: TradingStatus) throws
    {
        let body = #"""
            {"symbols":[{"symbol":"AUSDT","status":"\#(text)","filters":[{"filterType":"PRICE_FILTER","tickSize":"0.01"},
            {"filterType":"LOT_SIZE","stepSize":"0.1"}]}]}
            """#
        let listing = try #require(try BinanceREST.decodeListings(Array(body.utf8).span, venue: .binance).first)
        #expect(listing.status == status && listing.statusText == text)
    }

    /// A stopped market is STALE at once and teaches no limit; its next messages make the book VALID again.
    @Test func aStoppedMarketIsStaleUntilItsStreamsResume() throws {
        let lab = try Lab(.spot("BTCUSDT"), .spot("ETHUSDT"))
        lab.session.connectionOpened(at: Timestamp(nanoseconds: 1))
        for (index, symbol) in ["BTCUSDT", "ETHUSDT"].enumerated() {
            try lab.frame(depth(101, 102, of: symbol, bids: [("100.00", "1")]))
            try lab.snapshot(snapshotBody(101), for: index)
        }
        #expect(lab.validity(0) == .valid && lab.validity(1) == .valid)
        lab.session.tradingChanged(of: InstrumentID(1), isTrading: false, at: Timestamp(nanoseconds: 10))
        #expect(lab.validity(0) == .valid && lab.validity(1) == .stale)
        let silent = lab.session.silentChannels(of: InstrumentID(1)).names
        #expect(silent == ["depth", "trades", "quotes"])
        // An hour later the venue resumes it.
        let hour: Int64 = 3_600_000_000_000
        lab.session.tradingChanged(of: InstrumentID(1), isTrading: true, at: Timestamp(nanoseconds: hour))
        #expect(lab.validity(0) == .valid && lab.validity(1) == .valid)
        try lab.frame(depth(103, 103, of: "ETHUSDT", bids: [("100.00", "2")]), at: hour + 1)
        #expect(lab.validity(0) == .valid && lab.validity(1) == .valid)
    }

    /// A symbol that the venue lists later gets the next index; its stream works like any other.
    @Test func anInstrumentCanBeAdded() throws {
        let lab = try Lab(.spot("BTCUSDT"))
        lab.session.connectionOpened(at: Timestamp(nanoseconds: 1))
        try lab.session.add(.spot("这是测试币456"))
        let symbols = lab.session.instruments.map(\.symbol)
        #expect(symbols == ["BTCUSDT", "这是测试币456"])
        try lab.frame(depth(101, 102, of: "这是测试币456", bids: [("100.00", "1")]))
        try lab.snapshot(snapshotBody(101), for: 1)
        #expect(lab.validity(1) == .valid)
        #expect(throws: VenueError.self) { try lab.session.add(.spot("BTCUSDT")) }
        let count = lab.session.instruments.count
        #expect(count == 2)
    }

    /// Stream names are lower case in every script that has cases.
    @Test func symbolsOfEveryScriptAreFoundInBothCases() throws {
        let symbols = ["BTCUSDT", "这是测试币456", "РУБЛЬUSDT", "ÉCLAIRUSDT"]
        let table = try #require(SymbolTable(symbols))
        for (index, symbol) in symbols.enumerated() {
            for spelling in [symbol, symbol.lowercased()] {
                let found = Array(spelling.utf8).withUnsafeBufferPointer { table.index(of: $0) }
                #expect(found == index, "\(spelling)")
            }
        }
        #expect(Array("РУБЛ".utf8).withUnsafeBufferPointer { table.index(of: $0) } == -1)
        #expect(SymbolTable(["éusdt", "ÉUSDT"]) == nil)
    }

    @Test func anUnusableSnapshotSaysWhy() throws {
        let lab = try Lab(.spot("BTCUSDT"))
        lab.session.connectionOpened(at: Timestamp(nanoseconds: 1))
        try lab.frame(depth(201, 202, bids: [("100.00", "1")]))
        let start = lab.counts()
        try lab.snapshot(snapshotBody(100))
        let old = lab.counts()
        #expect(old.snapshotProblem(since: start).contains("before the first update held"))
        try lab.snapshot(snapshotBody(201, bid: "101.00", ask: "100.00"))
        #expect(lab.counts().snapshotProblem(since: old) == "its best ask is not above its best bid")
    }
}
