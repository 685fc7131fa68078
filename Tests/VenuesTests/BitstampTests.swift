import Foundation
import Microstructure
import TestSupport
import Testing

@testable import Venues

@Suite struct BitstampTests {
    static let recording = "venues-2021/BITSTAMP-20210405-difforderbook.txt.zst"
    static let adapter = BitstampAdapter(options: .standard)

    static func lab(_ venueSymbols: String...) throws -> StreamLab<BitstampReader> {
        try StreamLab<BitstampReader>(
            adapter,
            venueSymbols.map {
                try #require(
                    BitstampReader.instrument(
                        of: .bitstamp, named: $0, priceExponent: -5, quantityExponent: -8, tickSize: 1_000))
            }, start: .milliseconds(1_787_612_480_000))
    }

    static func replay() throws -> StreamRecording<BitstampReader> {
        try StreamRecording<BitstampReader>([recording], adapter, symbol: BitstampReader.symbol(ofSnapshotAddress:))
    }

    // MARK: Recording

    @Test(.enabled(if: Recording.exists(recording)))
    func everyRecordedMessageHasItsOutcome() throws {
        let replay = try Self.replay()
        let lines = try Recording.lines(Self.recording, with: "zstd").map { String(decoding: $0, as: UTF8.self) }
        func count(_ text: String) -> UInt64 { UInt64(lines.count { $0.contains(text) }) }
        let counts = replay.counts
        #expect(replay.session.instruments.count == 10)
        #expect(replay.session.instruments.contains { $0.symbol == "BTCUSDC" && $0.venueSymbol == "btcusdc" })
        #expect(counts.depthUpdates == count(#""event":"data""#) && counts.depthUpdates == 3_202)
        #expect(counts.snapshots == 10 && counts.snapshotsTooOld == 0)
        // The snapshots are up to 5.5 s younger than the first changes: what they contain is not applied again.
        #expect(counts.depthApplied == 3_091 && counts.depthCoveredBySnapshot == 10 && counts.depthIgnoredOld == 101)
        #expect(replay.books == 3_101 && replay.crossed == 0 && counts.crossedBooks == 0 && counts.resyncs == 0)
        #expect(counts.trades == count(#""event": "trade""#) && replay.trades == 32 && counts.duplicateTrades == 0)
        #expect(counts.acknowledgements == count("bts:subscription_succeeded") && counts.unknownEvents == 0)
        #expect(counts.rejections.total == 0 && replay.refused == 0 && counts.messages == counts.outcomes)
    }

    // MARK: Real payloads

    /// Source: lgoyal6/tickvault, `tests/fixtures/bitstamp_diff.jsonl` and `bitstamp_snapshot.json`, captured on
    /// 2026-08-24; the snapshot is shortened.
    static let acknowledgement = #"{"event":"bts:subscription_succeeded","channel":"diff_order_book_btcusd","data":{}}"#
    static let diff = #"""
        {"data":{"timestamp":"1787612488","microtimestamp":"1787612488609553","bids":[["78703.40","0.00000000"],["78703.39","0.25000000"],["78687.63","0.19057479"],["78687.06","0.00000000"]],"asks":[["78718.10","0.00000000"],["78722.26","0.50819945"]]},"channel":"diff_order_book_btcusd","event":"data"}
        """#
    static let later = #"""
        {"data":{"timestamp":"1787612488","microtimestamp":"1787612488933050","bids":[["78699.46","0.25413132"],["78699.45","0.50000000"]],"asks":[["78732.26","0.12710687"]]},"channel":"diff_order_book_btcusd","event":"data"}
        """#
    static let snapshot = #"""
        {"timestamp":"1787612488","microtimestamp":"1787612488755002","bids":[["78706.50","0.17352715"],["78703.77","0.11568476"],["78699.46","0.75413132"]],"asks":[["78706.51","0.35968872"],["79000.39","0.06460000"]]}
        """#

    @Test func aBookBeginsWithTheSnapshotAndWhatIsLater() throws {
        let lab = try Self.lab("btcusd")
        try lab.frame(Self.acknowledgement)
        #expect(lab.counts.acknowledgements == 1)
        #expect(try lab.frame(Self.diff) == .fetchSnapshot(InstrumentID(0)))
        #expect(
            lab.session.snapshotRequest(for: InstrumentID(0))?.target == "/api/v2/order_book/btcusd/?group=1")
        #expect(try lab.frame(Self.later) == .proceed)
        #expect(lab.validity() == .resyncing && lab.books.isEmpty)
        #expect(try lab.snapshot(Self.snapshot) == .proceed)
        // The first change is older than the snapshot, the second is not.
        #expect(lab.counts.depthCoveredBySnapshot == 1 && lab.counts.depthApplied == 1)
        #expect(
            lab.bids() == [
                [7_870_650_000, 17_352_715], [7_870_377_000, 11_568_476], [7_869_946_000, 25_413_132],
                [7_869_945_000, 50_000_000],
            ])
        #expect(
            lab.asks() == [[7_870_651_000, 35_968_872], [7_873_226_000, 12_710_687], [7_900_039_000, 6_460_000]])
        #expect(lab.validity() == .valid && lab.books.count == 1 && lab.epoch() == 1)
        #expect(lab.books[0].times.venue == Timestamp(microseconds: 1_787_612_488_933_050))
        #expect(lab.books[0].updateID == 1_787_612_488_933_050 && lab.isBalanced)
    }

    /// As recorded on 2021-04-05, and as captured on 2026-09-15 with an id beyond what a double holds.
    @Test func tradesDecodeExactly() throws {
        let lab = try StreamLab<BitstampReader>(
            Self.adapter,
            ["linketh", "btcusd-perp"].map {
                try #require(
                    BitstampReader.instrument(
                        of: .bitstamp, named: $0, priceExponent: -8, quantityExponent: -8, tickSize: 1))
            }, start: .milliseconds(1_789_456_400_000))
        try lab.frame(
            #"{"channel": "live_trades_linketh", "data": {"amount": 14.6, "amount_str": "14.60000000", "buy_order_id": 1346843556691968, "id": 161009670, "microtimestamp": "1617654353839000", "price": 0.01495224, "price_str": "0.01495224", "sell_order_id": 1346844177129472, "timestamp": "1617654353", "type": 1}, "event": "trade"}"#,
            at: lab.time(9))
        let trade = try #require(lab.trades.first)
        #expect(trade.id == 161_009_670 && trade.aggressor == .sell)
        #expect(trade.price.mantissa == 1_495_224 && trade.quantity.mantissa == 1_460_000_000)
        #expect(trade.times.venue == Timestamp(microseconds: 1_617_654_353_839_000))
        #expect(trade.times.receive == lab.time(9))
        let perpetual =
            #"{"data": {"id": 2001939623936278528, "id_str": "2001939623936278528", "type": 0, "sell_order_id": 2050545352740993, "buy_order_id": 2050545360601216, "amount": 0.00921, "amount_str": "0.00921", "price": 77204, "price_str": "77204", "microtimestamp": "1789456400586000", "timestamp": "1789456400586"}, "channel": "live_trades_btcusd-perp", "event": "trade"}"#
        try lab.frame(perpetual)
        #expect(lab.trades.map(\.id) == [2_001_939_623_936_278_528] && lab.trades[0].aggressor == .buy)
        #expect(lab.trades[0].price.mantissa == 7_720_400_000_000 && lab.trades[0].quantity.mantissa == 921_000)
        // Another connection brings it too.
        try lab.frame(perpetual, from: ConnectionID(1))
        #expect(lab.trades.isEmpty && lab.counts.duplicateTrades == 1 && lab.isBalanced)
    }

    /// Source: the venue's documentation and captures of 2026-09-15.
    @Test func noticesAndErrors() throws {
        let lab = try Self.lab("btcusd")
        try lab.frame(#"{"event": "bts:heartbeat", "channel": "", "data": {"status": "success"}}"#)
        try lab.frame(#"{"event":"bts:unsubscription_succeeded","channel":"live_trades_btcusd","data":{}}"#)
        #expect(lab.counts.acknowledgements == 2)
        #expect(try lab.frame(#"{"event": "bts:request_reconnect", "channel": "", "data": null}"#) == .reconnect)
        #expect(lab.counts.shutdownNotices == 1)
        #expect(throws: VenueError.refused(code: 0, message: "Bad subscription string.")) {
            try lab.frame(
                #"{"event":"bts:error","channel":"","data":{"code":null,"message":"Bad subscription string."}}"#)
        }
        #expect(throws: VenueError.refused(code: 4_009, message: "Connection is unauthorized.")) {
            try lab.frame(
                #"{"event":"bts:error","channel":"","data":{"code":4009,"message":"Connection is unauthorized."}}"#)
        }
        #expect(lab.counts.venueErrors == 2)
        try lab.frame(Self.later.replacingOccurrences(of: "diff_order_book", with: "order_book"))
        #expect(lab.counts.unknownEvents == 1)
        let order = #"{"data":{"id":1},"channel":"live_orders_btcusd","event":"order_created"}"#
        #expect(lab.rejection(of: order) == .missingField)
        try lab.frame(Self.later.replacingOccurrences(of: "btcusd", with: "ethusd"))
        #expect(lab.counts.unknownStreams == 1 && lab.isBalanced)
    }

    // MARK: Faults

    /// A session with a whole book.
    private static func live() throws -> StreamLab<BitstampReader> {
        let lab = try lab("btcusd", "ethusd")
        try lab.frame(diff)
        try lab.snapshot(snapshot)
        #expect(lab.validity() == .valid)
        return lab
    }

    @Test func anOldSnapshotIsAskedForAgain() throws {
        let lab = try Self.lab("btcusd")
        try lab.frame(Self.later)
        #expect(try lab.snapshot(Self.snapshot) == .fetchSnapshot(InstrumentID(0)))
        #expect(lab.counts.snapshotsTooOld == 1 && lab.validity() == .resyncing)
        #expect(
            try lab.snapshot(Self.snapshot.replacingOccurrences(of: "755002", with: "933050")) == .proceed)
        #expect(lab.validity() == .valid && lab.counts.depthCoveredBySnapshot == 1 && lab.isBalanced)
    }

    @Test func repeatedAndLateChangesAreOld() throws {
        let lab = try Self.live()
        try lab.frame(Self.later)
        try lab.frame(Self.later)
        try lab.frame(Self.diff)
        #expect(lab.counts.depthIgnoredOld == 2 && lab.counts.depthApplied == 1 && lab.isBalanced)
    }

    /// A snapshot that is there before the first change waits for it.
    @Test func anEarlySnapshotWaits() throws {
        let lab = try Self.lab("btcusd")
        #expect(try lab.snapshot(Self.snapshot) == .proceed)
        #expect(try lab.snapshot(Self.snapshot) == .proceed)
        #expect(lab.validity() == .resyncing && lab.counts.snapshotsIgnored == 1)
        #expect(try lab.frame(Self.diff) == .proceed)
        #expect(lab.validity() == .valid && lab.counts.snapshots == 1 && lab.books.count == 1 && lab.isBalanced)
        // Changes may be missing between it and a first change that is later.
        let other = try Self.lab("btcusd")
        try other.snapshot(Self.snapshot)
        #expect(try other.frame(Self.later) == .fetchSnapshot(InstrumentID(0)))
        #expect(other.validity() == .resyncing && other.counts.snapshotsTooOld == 1 && other.isBalanced)
    }

    /// Each connection's changes are a book of their own: one that is ahead of the other loses nothing of it.
    @Test func aNewConnectionBeginsABookOfItsOwn() throws {
        let lab = try Self.live()
        let new = ConnectionID(1)
        lab.session.connectionOpened(new, at: lab.time(2))
        #expect(lab.session.instrumentsAwaitingHandover(from: .main, to: new) == 2)
        let ahead = Self.later.replacingOccurrences(of: "8933050", with: "9257312")
        #expect(try lab.frame(ahead, at: lab.time(9_000), from: new) == .fetchSnapshot(InstrumentID(0)))
        #expect(lab.books.isEmpty && lab.validity() == .valid)
        try lab.frame(Self.later, at: lab.time(9_001))
        #expect(lab.counts.depthApplied == 1 && lab.bids().contains([7_869_945_000, 50_000_000]))
        try lab.snapshot(Self.snapshot.replacingOccurrences(of: "8755002", with: "9257312"), at: lab.time(9_500))
        #expect(lab.books.isEmpty && lab.epoch() == 1, "the old connection's book is told as long as it lasts")
        #expect(lab.session.instrumentsAwaitingHandover(from: .main, to: new) == 1)
        lab.session.connectionClosed(.main, at: lab.time(10_000))
        #expect(lab.validity() == .valid && lab.epoch() == 2 && lab.counts.resyncs == 0)
        try lab.frame(Self.later.replacingOccurrences(of: "8933050", with: "9581613"), at: lab.time(10_001), from: new)
        #expect(lab.books.count == 1 && lab.books[0].epoch == 2 && lab.isBalanced)
        lab.session.connectionClosed(new, at: lab.time(11_000))
        #expect(lab.validity() == .stale && lab.counts.resyncs == 1)
    }

    /// A match may show in two messages, but a book that stays crossed is wrong.
    @Test func aCrossedBookIsDiscarded() throws {
        let lab = try Self.live()
        func crossing(_ microseconds: Int) -> String {
            #"{"data":{"microtimestamp":"178761248\#(microseconds)","bids":[["78706.51","1"]],"asks":[]},"channel":"diff_order_book_btcusd","event":"data"}"#
        }
        #expect(try lab.frame(crossing(9_000_000), at: lab.time(1_000)) == .proceed)
        #expect(lab.books.isEmpty && lab.validity() == .resyncing && lab.counts.crossedBooks == 1)
        #expect(try lab.frame(crossing(9_500_000), at: lab.time(2_000)) == .proceed)
        #expect(try lab.frame(crossing(9_900_000), at: lab.time(2_001)) == .fetchSnapshot(InstrumentID(0)))
        #expect(lab.counts.resyncs == 1 && !lab.tellsCrossed)
        try lab.frame(crossing(9_950_000), at: lab.time(2_500))
        try lab.snapshot(Self.snapshot.replacingOccurrences(of: "8755002", with: "9999999"), at: lab.time(2_600))
        #expect(lab.validity() == .valid && lab.epoch() == 2 && lab.isBalanced)
    }

    /// Nothing else would show that a change is missing.
    @Test func anUnreadableChangeLosesTheBook() throws {
        let lab = try Self.live()
        #expect(throws: VenueError.self) {
            try lab.frame(Self.later.replacingOccurrences(of: "78732.26", with: "78732.263334"))
        }
        #expect(lab.counts.rejections[.doesNotFitInstrument] == 1 && lab.validity() == .resyncing)
        #expect(try lab.frame(Self.later) == .fetchSnapshot(InstrumentID(0)))
        #expect(lab.counts.resyncs == 1 && lab.isBalanced)
        // One that names no market may be of any.
        let other = try Self.live()
        #expect(throws: VenueError.self) { try other.frame(#"{"data":{"microtimestamp":"178761"#) }
        #expect(try other.frame(Self.acknowledgement, from: ConnectionID(1)) == .proceed)
        #expect(other.validity() == .valid)
        #expect(try other.frame(Self.acknowledgement) == .reconnect)
        #expect(other.validity() == .resyncing && other.counts.gaps == 1 && other.counts.resyncs == 1)
        #expect(try other.frame(Self.acknowledgement) == .proceed)
        #expect(
            try other.frame(Self.later, at: other.time(6_000)) == .fetchSnapshot(InstrumentID(0)) && other.isBalanced)
    }

    @Test(arguments: [
        #"{"microtimestamp":"1787612489000000","bids":[]}"#, #"{"bids":[],"asks":[]}"#,
        #"{"microtimestamp":"0","bids":[],"asks":[]}"#, #"{"microtimestamp":"-5","bids":[],"asks":[]}"#,
        #"{"microtimestamp":"9223372036854775807","bids":[],"asks":[]}"#,
        #"{"microtimestamp":"1787616081000000","bids":[],"asks":[]}"#,
        #"{"microtimestamp":null,"bids":[],"asks":[]}"#, #"{"microtimestamp":"1.5","bids":[],"asks":[]}"#,
        #"{"microtimestamp":"1787612489000000","bids":[["0","1"]],"asks":[]}"#,
        #"{"microtimestamp":"1787612489000000","bids":[["1","-1"]],"asks":[]}"#,
        #"{"microtimestamp":"1787612489000000","bids":[["1e300","1"]],"asks":[]}"#,
        #"{"microtimestamp":"1787612489000000","bids":[["1"]],"asks":[]}"#,
        #"{"microtimestamp":"1787612489000000","bids":[["0.-10000","1"]],"asks":[]}"#,
        #"{"microtimestamp":"1787612489000000","bids":{},"asks":[]}"#, "null", "[]", "7",
    ])
    func nonsenseIsRejectedAndCounted(data: String) throws {
        let lab = try Self.live()
        let text = #"{"data":\#(data),"channel":"diff_order_book_btcusd","event":"data"}"#
        #expect(throws: VenueError.self) { try lab.frame(text) }
        #expect(lab.counts.rejections.total == 1 && lab.counts(0).rejections.total == 1 && lab.isBalanced)
        let other = try Self.lab("btcusd")
        try other.frame(Self.diff)
        #expect(throws: VenueError.self) { try other.snapshot(data) }
        #expect(other.counts.snapshotRejections.total == 1 && other.validity() == .resyncing)
        let trade = #"{"data":\#(data),"channel":"live_trades_btcusd","event":"trade"}"#
        #expect(throws: VenueError.self) { try other.frame(trade) }
        #expect(other.isBalanced)
    }

    @Test func keysComeInAnyOrder() throws {
        let lab = try Self.lab("btcusd")
        try lab.frame(
            #"{"event":"data","new":[1,{"a":null}],"channel":"diff_order_book_btcusd","data":{"asks":[["78718.10","0"]],"new":1,"bids":[],"microtimestamp":1787612488609553}}"#
        )
        try lab.snapshot(
            #"{"asks":[["78706.51","0.35968872"]],"bids":[["78706.5","0.17352715"]],"microtimestamp":"1787612488755002"}"#
        )
        #expect(lab.validity() == .valid && lab.bids() == [[7_870_650_000, 17_352_715]])
        // Escaped letters are letters.
        try lab.frame(
            #"{"event":"tr\u0061de","channel":"live_trades_\u0062tcusd","data":{"type":"0","price_str":"1","amount_str":"2","microtimestamp":"1787612488755002","id":"5"}}"#
        )
        #expect(lab.trades.map(\.id) == [5])
    }

    private static let conversation = [
        acknowledgement, diff, later,
        #"{"data":{"id":5,"type":0,"amount_str":"1","price_str":"2","microtimestamp":"1787612488933050"},"channel":"live_trades_btcusd","event":"trade"}"#,
        #"{"event":"bts:heartbeat","channel":"","data":{"status":"success"}}"#,
        #"{"event":"bts:error","channel":"","data":{"code":null,"message":"Bad subscription string."}}"#,
        #"{"event":"bts:request_reconnect","channel":"","data":null}"#,
    ]

    @Test func messagesCutOffAnywhereAreCounted() throws {
        let lab = try Self.live()
        for text in Self.conversation {
            let bytes = Array(text.utf8)
            for count in 0..<bytes.count {
                let before = lab.counts.rejections.total
                #expect(throws: VenueError.self) { try lab.frame(Array(bytes[..<count])) }
                #expect(lab.counts.rejections.total == before + 1)
            }
            _ = lab.failure(bytes)
            #expect(lab.isBalanced)
        }
    }

    @Test(arguments: testSeeds)
    func damagedMessagesNeverHurt(seed: UInt64) throws {
        var random = SplitMix64(testSeed: seed)
        func damaged(_ text: String) -> [UInt8] {
            var bytes = Array(text.utf8)
            for _ in 0..<Int.random(in: 0...2, using: &random) {
                bytes[Int.random(in: 0..<bytes.count, using: &random)] = UInt8.random(in: 0...255, using: &random)
            }
            return bytes
        }
        var snapshots: UInt64 = 0
        for _ in 0..<100 {
            let lab = try Self.lab("btcusd")
            for round in 0..<30 {
                for text in Self.conversation {
                    let connection = ConnectionID(round % 2)
                    let action = lab.attempt(damaged(text), at: lab.time(Int64(round) * 6_000), from: connection)
                    if lab.tellsCrossed { Issue.record("a crossed book is told VALID after \(text)") }
                    guard action == .fetchSnapshot(InstrumentID(0)) else { continue }
                    let answer = String(decoding: damaged(Self.snapshot), as: UTF8.self)
                    do throws(VenueError) { try lab.snapshot(answer, at: lab.time(Int64(round) * 6_000)) } catch {
                        continue
                    }
                }
                #expect(lab.isBalanced)
            }
            snapshots += lab.counts.snapshots
        }
        #expect(snapshots > 100)
    }
}
