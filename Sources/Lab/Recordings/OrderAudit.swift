import Foundation
import Microstructure

/// What a recording of single orders makes of an `OrderBookByOrder`: each event's outcome, the book against its own aggregate after
/// each event, and its best prices against trades.
struct OrderAudit {
    /// Of the recording's beginning, beside all of it.
    static let firstMinutes = 15
    /// The whole book is compared once in so many events; the price that an event concerns, after each.
    private static let wholeBookEvery = 5_000

    private(set) var counts = OrderCounts()
    let report: ImportReport
    private(set) var events = 0
    private(set) var snapshotRefused = 0
    /// Comparisons of a price, or of the whole book, with the aggregate.
    private(set) var comparisons = 0
    private(set) var agreements = 0
    /// Trades whose resting order was filled by an event of the same millisecond.
    private(set) var trades = 0
    private(set) var tradesRecorded = 0
    /// Of those, trades at the price where the order rested, and orders that were the best of their side.
    private(set) var tradesAtOrder = 0
    private(set) var tradesAtBest = 0
    /// Orders that the recorder and the book have at the end, and all that the recorder has.
    private(set) var restingInBoth = 0
    private(set) var restingRecorded = 0
    /// Milliseconds of the venue's at whose end the book was crossed, of all.
    private(set) var crossedMoments = 0
    private(set) var moments = 0
    let first: OrderAccounts
    let whole: OrderAccounts

    init(orders path: String, trades tradePaths: [String], _ write: @escaping (String) -> Void) throws(ImportError) {
        var report = ImportReport(write)
        let recording = try OrderRecording(orders: path, trades: tradePaths, &report)
        self.report = report
        whole = OrderAccounts(recording.snapshot, recording.events)
        let start = recording.events.first?.times.receive ?? Timestamp(nanoseconds: 0)
        let end = start.advanced(byNanoseconds: Int64(Self.firstMinutes) * 60_000_000_000)
        first = OrderAccounts(recording.snapshot, recording.events.prefix { $0.times.receive < end })
        var book = OrderBookByOrder()
        for order in recording.snapshot {
            let refusal = book.load(order.id, order.side, order.price, order.quantity, at: order.times.venue)
            if refusal != nil { snapshotRefused += 1 }
        }
        var tradesByMaker: [UInt64: [OrderRecording.Trade]] = [:]
        for trade in recording.trades { tradesByMaker[trade.maker, default: []].append(trade) }
        tradesRecorded = recording.trades.count
        events = recording.events.count
        var last: Timestamp?
        for (number, event) in recording.events.enumerated() {
            if let last, event.times.venue != last {
                moments += 1
                if book.isCrossed { crossedMoments += 1 }
            }
            last = event.times.venue
            if event.action != .add, tradesByMaker[event.id] != nil {
                compare(event, book, &tradesByMaker)
            }
            if case .applied(let effect) = book.process(event), effect.price != Price(0) {
                check(book.agreesWithItsAggregate(effect.side, at: effect.price))
            }
            if number % Self.wholeBookEvery == 0 { check(book.agreesWithItsAggregate) }
        }
        check(book.agreesWithItsAggregate)
        counts = book.counts
        restingRecorded = recording.closing.count
        restingInBoth = recording.closing.count { book.order($0.id) != nil }
    }

    private mutating func check(_ agrees: Bool) {
        comparisons += 1
        if agrees { agreements += 1 }
    }

    /// Holds the fill of a resting order, not yet applied, against its trade.
    private mutating func compare(
        _ event: OrderUpdate, _ book: borrowing OrderBookByOrder,
        _ tradesByMaker: inout [UInt64: [OrderRecording.Trade]]
    ) {
        guard let order = book.order(event.id),
            let index = tradesByMaker[event.id]?.firstIndex(where: {
                $0.venueTime == event.times.venue
                    && $0.quantity.mantissa == order.quantity.mantissa - event.quantity.mantissa
            }), let trade = tradesByMaker[event.id]?.remove(at: index)
        else { return }
        trades += 1
        if trade.price == order.price { tradesAtOrder += 1 }
        if book.best(order.side)?.price == order.price { tradesAtBest += 1 }
    }

    /// Deletions and changes of unknown orders are the venue's habit, not the book's error.
    private var unexplained: UInt64 {
        counts.refused - counts[.unknownDelete] - counts[.unknownChange]
    }

    var isGood: Bool {
        report.isClean && UInt64(events) == counts.applied + counts.refused && unexplained == 0 && snapshotRefused == 0
            && agreements == comparisons && tradesAtOrder == tradesRecorded
    }

    var row: String {
        let checks = comparisons + tradesRecorded
        let passed = agreements + tradesAtOrder
        return String(
            format: "%@ %8d %7d %8d %7d %8d %8d %10d %10d %8.4f", "orders  ", events, 1, Int(counts.applied), 0,
            Int(counts.refused) + snapshotRefused, tradesRecorded, checks, passed,
            checks == 0 ? .nan : Double(passed) / Double(checks))
    }

    var lines: [String] {
        let refusals = OrderRefusal.allCases.filter { counts[$0] > 0 }.map { "\(counts[$0]) \($0)" }
        return [
            "\(counts.loaded) orders in the snapshot; \(events) events = \(counts.applied) applied + \(counts.refused) refused"
                + (refusals.isEmpty ? "" : " (\(refusals.joined(separator: ", ")))"),
            "the book agrees with its aggregate in \(agreements) of \(comparisons) comparisons, and no level is below zero",
            "crossed at the end of \(crossedMoments) of \(moments) milliseconds; \(counts.ghosts) ghosts dropped; \(restingInBoth) of the \(restingRecorded) orders left are in the book",
            "\(trades) of \(tradesRecorded) trades fill a resting order: \(tradesAtOrder) at its price, \(tradesAtBest) at the best of its side",
            "the first \(Self.firstMinutes) minutes:",
        ] + first.lines.map { "  " + $0 } + ["all:"] + whole.lines.map { "  " + $0 }
    }
}
