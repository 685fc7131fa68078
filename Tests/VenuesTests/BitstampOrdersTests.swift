import Microstructure
import TestSupport
import Testing

@testable import Venues

/// Source of the messages, unless a test says otherwise: lgoyal6/tickvault, `tests/fixtures/bitstamp_live_orders.jsonl` and
/// `bitstamp_snapshot_l3.json`, captured on 2026-08-24; the snapshot is shortened.
@Suite struct BitstampOrdersTests {
    private static func order(
        _ event: String, _ id: Int, _ type: Int, at time: Int, _ amount: String, traded: String = "0", _ price: String,
        ids: (String, String)?
    ) -> String {
        let chain =
            ids.map {
                #","event_id":"000659d4-\#($0.1)000020","pre_event_id":"000659d4-\#($0.0)000020","order_source":"orderbook""#
            } ?? ""
        return #"""
            {"data":{"id":\#(id),"id_str":"\#(id)","order_type":\#(type),"order_subtype":5,"datetime":"1787620345","microtimestamp":"\#(time)","amount":0.25,"amount_str":"\#(amount)","amount_traded":"\#(traded)","amount_at_create":"0.25000000","price":79640.78,"price_str":"\#(price)","is_liquidation":false},"channel":"live_orders_btcusd","event":"order_\#(event)"\#(chain)}
            """#
    }

    /// Five consecutive events: a market order to buy is filled by part of an order to sell.
    private static let match = [
        order(
            "deleted", 2_043_024_874_967_040, 0, at: 1_787_620_344_693_000, "0.00143636", "71676.81",
            ids: ("cba3-4e40-0000-000103", "cba3-8108-0000-000100")),
        order(
            "created", 2_043_024_875_712_512, 0, at: 1_787_620_344_704_000, "0.00100000", "79644.33",
            ids: ("cba3-8108-0000-000100", "cba3-ac00-0000-000101")),
        order(
            "deleted", 2_043_024_875_712_512, 0, at: 1_787_620_344_704_000, "0", traded: "0.00100000", "79640.91",
            ids: ("cba3-ac00-0000-000101", "cba3-ac00-0001-000102")),
        order(
            "changed", 2_043_024_863_952_899, 1, at: 1_787_620_344_704_000, "0.02178180", traded: "0.00100000",
            "79640.91", ids: ("cba3-ac00-0001-000102", "cba3-ac00-0002-000103")),
        order(
            "created", 2_043_024_875_765_760, 1, at: 1_787_620_344_717_000, "0.06549561", "79661.99",
            ids: ("cba3-ac00-0002-000103", "cba3-dec8-0000-000100")),
    ]

    private static let snapshot = #"""
        {"timestamp":"1787620344","microtimestamp":"1787620344700000","bids":[["79617.37","0.19000000","2043024885198848"],["79617.36","0.50009205","2043022973026307"]],"asks":[["79640.91","0.02278180","2043024863952899"],["79640.91","0.48956031","2043024877883404"],["79640.91","0.06275933","2043024877924401"]]}
        """#

    private static let received = Timestamp(nanoseconds: 1_787_620_345_000_000_000)

    private func reader() throws -> BitstampReader {
        let instrument = try #require(
            BitstampReader.instrument(
                of: .bitstamp, named: "btcusd", priceExponent: -2, quantityExponent: -8, tickSize: 1))
        return BitstampReader(BitstampTests.adapter, try InstrumentDirectory([instrument]))
    }

    private func read(_ text: String, _ reader: inout BitstampReader) throws(ScanError) -> VenueMessage {
        var message = VenueMessage()
        let bytes = Array(text.utf8)
        try JSONScanner.scan(bytes.span) { (scanner) throws(ScanError) in
            try reader.read(&scanner, from: .main, at: Self.received, into: &message)
        }
        return message
    }

    private func readSnapshot(_ text: String, _ reader: BitstampReader) throws(ScanError) -> VenueMessage {
        var message = VenueMessage()
        let bytes = Array(text.utf8)
        try JSONScanner.scan(bytes.span) { (scanner) throws(ScanError) in
            try reader.readOrderSnapshot(&scanner, of: 0, at: Self.received, into: &message)
        }
        return message
    }

    private struct Lab {
        var reader: BitstampReader
        var feed = OrderFeed()
        var outcomes: [OrderOutcome] = []
    }

    private func take(_ text: String, _ lab: inout Lab) throws -> OrderFeed.Outcome {
        let message = try read(text, &lab.reader)
        let change = try #require(message.orderChanges.first)
        var outcomes: [OrderOutcome] = []
        let outcome = lab.feed.process(change, message.orders) { outcomes.append($1) }
        lab.outcomes = outcomes
        return outcome
    }

    private func load(_ text: String, _ lab: inout Lab) throws -> OrderFeed.Loading {
        let message = try readSnapshot(text, lab.reader)
        var outcomes: [OrderOutcome] = []
        let loading = lab.feed.load(try #require(message.orderChanges.first), message.orders) { outcomes.append($1) }
        lab.outcomes = outcomes
        return loading
    }

    @Test func eachMemberIsRead() throws {
        var reader = try reader()
        let message = try read(Self.match[3], &reader)
        let time = Timestamp(nanoseconds: 1_787_620_344_704_000_000)
        #expect(
            message.orders == [
                OrderUpdate(
                    instrument: InstrumentID(0), times: EventTimes(venue: time, receive: Self.received),
                    id: 2_043_024_863_952_899, action: .change, reason: .filled, side: .ask, price: Price(7_964_091),
                    quantity: Quantity(2_178_180), filled: Quantity(100_000))
            ])
        #expect(message.orderChanges.first?.venueTime == time && !message.isEmpty)
        let actions = try Self.match.map { text in
            let order = try #require(try read(text, &reader).orders.first)
            return [order.action.rawValue, order.reason.rawValue]
        }
        #expect(actions == [[3, 2], [0, 0], [3, 1], [1, 1], [0, 0]])
        // The chain.
        let links = try Self.match.map { text in try #require(try read(text, &reader).orderChanges.first).link }
        for (before, after) in zip(links, links.dropFirst()) {
            #expect(after.joint(after: try #require(before.last)) == .joined)
        }
    }

    @Test func marketOrdersHaveNoPrice() throws {
        var reader = try reader()
        for (type, price) in [(0, "999999999"), (0, "999999999.00"), (1, "0"), (1, "0.00")] {
            let text = Self.order("created", 5, type, at: 1_787_620_344_704_000, "0.1", price, ids: nil)
            let message = try read(text, &reader)
            #expect(message.orders.first?.price == Price(0) && message.orderChanges.first?.link == .some(.none))
        }
    }

    @Test func whatMakesNoSenseIsRefused() throws {
        var reader = try reader()
        let good = Self.match[3]
        for (part, other) in [
            ("\"id\":2043024863952899", "\"id\":0"), ("\"id\":2043024863952899", "\"ix\":1"),
            ("_type\":1", "_type\":2"),
            ("0.02178180", "-0.02178180"), ("0.02178180", "0.021781801"), ("79640.91", "-1"), ("1787620344704000", "0"),
            ("1787620344704000", "1797620344704000"), ("\"amount_str\"", "\"amount\""),
        ] {
            #expect(throws: ScanError.self) {
                var reader = reader
                _ = try read(good.replacing(part, with: other), &reader)
            }
        }
        // Levels where orders were asked for.
        #expect(throws: ScanError.self) {
            _ = try readSnapshot(#"{"microtimestamp":"1787620344700000","bids":[["1","1"]],"asks":[]}"#, reader)
        }
        let other = try read(good.replacing("btcusd", with: "ethusd"), &reader)
        #expect(other.note == .unknownStream && other.orders.isEmpty)
    }

    @Test func aBookBeginsWithTheSnapshotAndWhatIsLater() throws {
        var lab = Lab(reader: try reader())
        #expect(
            lab.reader.orderSnapshotRequest(for: 0).map { $0.path + "?" + $0.query }
                == "/api/v2/order_book/btcusd/?group=2")
        #expect(try load(Self.snapshot, &lab) == .early)
        #expect(try Self.match[0...2].map { try take($0, &lab) } == [.held, .held, .held])
        // The first is in the snapshot; the market order comes and goes.
        #expect(try load(Self.snapshot, &lab) == .loaded(refused: 0))
        #expect(lab.outcomes.count == 2 && lab.feed.orders.counts.applied == 2 && lab.feed.orders.count == 5)
        #expect(lab.feed.orders.best(.ask)?.quantity == Quantity(57_510_144))
        #expect(try take(Self.match[3], &lab) == .applied)
        #expect(lab.feed.orders.best(.ask)?.quantity == Quantity(57_410_144))
        guard case .applied(let effect)? = lab.outcomes.first else {
            Issue.record("refused")
            return
        }
        // What the venue says was filled is what is missing.
        #expect(effect.before.mantissa - effect.after.mantissa == 100_000 && effect.reason == .filled)
        #expect(lab.feed.orders.position(of: 2_043_024_877_883_404)?.quantityAhead == Quantity(2_178_180))
    }

    @Test func aMissingEventDiscardsTheBook() throws {
        var lab = Lab(reader: try reader())
        #expect(try take(Self.match[0], &lab) == .held)
        #expect(try load(Self.snapshot, &lab) == .loaded(refused: 0) && lab.feed.isLive)
        #expect(try take(Self.match[2], &lab) == .hole)
        #expect(!lab.feed.isLive && lab.feed.orders.count == 0)
        // The event after the hole is held, and the next one chains to it; the old snapshot is too old.
        #expect(try take(Self.match[3], &lab) == .held)
        #expect(try load(Self.snapshot, &lab) == .tooOld)
        let later = Self.snapshot.replacing("1787620344700000", with: "1787620344704000")
        #expect(try load(later, &lab) == .loaded(refused: 0) && lab.feed.isLive)
        #expect(try take(Self.match[4], &lab) == .applied)
    }

    /// Of messages without ids nothing shows a loss; the snapshot's time still separates old from new.
    @Test func anOlderMessageHasNoChain() throws {
        var lab = Lab(reader: try reader())
        func message(_ id: Int, _ time: Int) -> String {
            Self.order("created", id, 0, at: time, "0.1", "79000", ids: nil)
        }
        #expect(try take(message(1, 1_787_620_344_699_000), &lab) == .held)
        #expect(try take(message(2, 1_787_620_344_700_000), &lab) == .held)
        #expect(try take(message(3, 1_787_620_344_700_001), &lab) == .held)
        #expect(try load(Self.snapshot, &lab) == .loaded(refused: 0))
        #expect(lab.outcomes.count == 1 && lab.feed.orders.order(3) != nil && lab.feed.orders.order(2) == nil)
    }

    @Test func heldUpdatesHaveALimit() throws {
        var feed = OrderFeed()
        for id in 1...UInt64(OrderFeed.heldLimit + 1) {
            let moment = Timestamp(nanoseconds: Int64(id))
            let update = OrderUpdate(
                instrument: InstrumentID(0), times: EventTimes(venue: moment, receive: moment), id: id, action: .add,
                side: .bid, price: Price(1), quantity: Quantity(1))
            let change = OrderChange(index: 0, isSnapshot: false, orders: 0..<1, link: .none, venueTime: moment)
            #expect(feed.process(change, [update]) == .held)
        }
        func loading(at time: Int64) -> OrderFeed.Loading {
            let change = OrderChange(
                index: 0, isSnapshot: true, orders: 0..<0, link: .none, venueTime: Timestamp(nanoseconds: time))
            return feed.load(change, [])
        }
        #expect(loading(at: Int64(OrderFeed.heldLimit / 2)) == .tooOld)
        #expect(loading(at: Int64(OrderFeed.heldLimit / 2 + 1)) == .loaded(refused: 0))
        #expect(feed.orders.count == OrderFeed.heldLimit / 2)
    }
}
