import Microstructure
import TestSupport
import Testing

@testable import Venues

/// The book by order on 30 minutes of Bitstamp's BTC/USD, 2026-05-02.
@Suite struct BitstampOrderRecordingTests {
    static let recording = "bitstamp-l3-2026/orders.csv.gz"
    /// An order of the snapshot that the recorder puts first, each with this time of the venue's, in ms.
    private static let snapshotTime: Int64 = 1_777_689_380_521
    /// Deletions that the recorder adds at the end.
    private static let closingRows = 6_518

    /// Prices in cents and sizes in 10⁻⁸ BTC, which a double tells apart.
    private static func updates() throws -> [OrderUpdate] {
        try Recording.lines(recording, with: "gzip").dropFirst().map { line in
            let fields = String(decoding: line, as: UTF8.self).split(separator: ",")
            func time(_ field: Int) throws -> Timestamp {
                try #require(Int64(fields[field]).flatMap { Timestamp(milliseconds: $0) })
            }
            let price = try #require(Double(fields[3]))
            let size = try #require(Double(fields[4]))
            let action: OrderUpdate.Action =
                fields[5] == "created" ? .add : fields[5] == "changed" ? .change : .delete
            return OrderUpdate(
                instrument: InstrumentID(0), times: EventTimes(venue: try time(2), receive: try time(1)),
                id: try #require(UInt64(fields[0])), action: action, side: fields[6] == "bid" ? .bid : .ask,
                price: Price(price == 999_999_999 ? 0 : Int64((price * 100).rounded())),
                quantity: Quantity(Int64((size * 1e8).rounded())))
        }
    }

    @Test(.enabled(if: Recording.exists(recording)))
    func eachEventHasItsOutcomeAndTheBookItsAggregate() throws {
        let updates = try Self.updates()
        let start = try #require(updates.firstIndex { $0.times.venue.nanoseconds != Self.snapshotTime * 1_000_000 })
        var book = OrderBookByOrder()
        for order in updates[..<start] {
            #expect(book.load(order.id, order.side, order.price, order.quantity, at: order.times.venue) == nil)
        }
        let events = updates[start..<updates.count - Self.closingRows]
        #expect(book.count == 6_512 && book.agreesWithItsAggregate && events.count == 301_027)
        var disagreements = 0
        for event in events {
            if case .applied(let effect) = book.process(event), effect.price != Price(0),
                !book.agreesWithItsAggregate(effect.side, at: effect.price)
            {
                disagreements += 1
            }
        }
        #expect(disagreements == 0 && book.agreesWithItsAggregate && !book.isCrossed)
        #expect(book.counts.applied == 301_014 && book.counts.refused == 13 && book.counts[.unknownDelete] == 13)
    }
}
