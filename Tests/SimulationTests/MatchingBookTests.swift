import Microstructure
import TestSupport
import Testing

@testable import Simulation

struct MatchingBookTests {
    private func book(_ orders: [(BookSide.Kind, Int64, Int64)]) -> (MatchingBook, [MatchingBook.OrderID]) {
        var book = MatchingBook()
        let ids = orders.compactMap { book.add($0.0, Price($0.1), Quantity($0.2)) }
        return (book, ids)
    }

    @Test func whoComesFirstIsFilledFirstAndTheBestPriceBeforeAll() {
        var (book, ids) = book([(.ask, 101, 5), (.ask, 100, 3), (.ask, 100, 4), (.bid, 99, 1)])
        var fills: [MatchingBook.Fill] = []
        let rest = book.execute(.buy, Quantity(9), into: &fills)
        #expect(rest == .zero)
        #expect(fills.map(\.order) == [ids[1], ids[2], ids[0]])
        #expect(fills.map(\.quantity.mantissa) == [3, 4, 2])
        #expect(fills.map(\.remaining.mantissa) == [0, 0, 3])
        #expect(book.order(ids[1]) == nil && book.order(ids[0])?.quantity == Quantity(3))
        #expect(book.asks.best == PriceLevel(price: Price(101), quantity: Quantity(3)) && book.asks.count == 1)
    }

    @Test func aLimitStopsAtItsPriceAndAnEmptyBookLeavesTheRest() {
        var (book, _) = book([(.bid, 99, 2), (.bid, 98, 2)])
        var fills: [MatchingBook.Fill] = []
        let beyondLimit = book.execute(.sell, Quantity(5), limit: Price(99), into: &fills)
        let beyondBook = book.execute(.sell, Quantity(5), into: &fills)
        #expect(beyondLimit == Quantity(3) && beyondBook == Quantity(3))
        #expect(book.bids.isEmpty && book.count == 0 && fills.count == 2)
    }

    @Test func aSmallerOrderKeepsItsPlace() {
        var (book, ids) = book([(.bid, 99, 5), (.bid, 99, 5)])
        let answers = [Quantity(1), Quantity(2), .zero].map { book.reduce(ids[0], to: $0) }
        #expect(answers == [true, false, false])
        var fills: [MatchingBook.Fill] = []
        _ = book.execute(.sell, Quantity(2), into: &fills)
        #expect(fills.map(\.order) == ids && fills.map(\.quantity.mantissa) == [1, 1])
    }

    @Test func whatWouldCrossIsRefused() {
        var (book, _) = book([(.ask, 100, 1), (.bid, 99, 1)])
        let ids = [
            book.add(.bid, Price(100), Quantity(1)), book.add(.ask, Price(99), Quantity(1)),
            book.add(.bid, Price(98), .zero),
        ]
        #expect(ids == [nil, nil, nil] && book.count == 2)
    }

    @Test func anOrderThatHasLeftIsNotItsSuccessor() {
        var (book, ids) = book([(.bid, 99, 5)])
        let cancelled = book.cancel(ids[0])
        let next = book.add(.bid, Price(99), Quantity(7))
        let again = book.cancel(ids[0])
        #expect(cancelled?.quantity == Quantity(5) && again == nil && book.order(ids[0]) == nil)
        #expect(next.flatMap { book.order($0) }?.quantity == Quantity(7))
    }

    /// The same operations on a list of orders that is searched from end to end.
    @Test(arguments: testSeeds) func itIsAListOfOrders(seed: UInt64) {
        var random = SplitMix64(testSeed: seed)
        var book = MatchingBook()
        struct Row { var id: MatchingBook.OrderID, side: BookSide.Kind, price: Int64, quantity: Int64 }
        var rows: [Row] = []
        func best(_ side: BookSide.Kind) -> Int? {
            rows.indices.filter { rows[$0].side == side }.min { left, right in
                let (a, b) = (rows[left].price, rows[right].price)
                return a == b ? left < right : side == .bid ? a > b : a < b
            }
        }
        for step in 0..<4_000 {
            switch Int.random(in: 0..<10, using: &random) {
            case 0..<5:
                let side: BookSide.Kind = Int.random(in: 0..<2, using: &random) == 0 ? .bid : .ask
                let price = Int64(90 + Int.random(in: 0..<20, using: &random))
                let quantity = Int64(1 + Int.random(in: 0..<9, using: &random))
                let id = book.add(side, Price(price), Quantity(quantity))
                let other = best(side == .bid ? .ask : .bid).map { rows[$0].price }
                let crosses = other.map { side == .bid ? $0 <= price : price <= $0 } ?? false
                #expect((id == nil) == crosses, "seed \(seed), step \(step)")
                if let id { rows.append(Row(id: id, side: side, price: price, quantity: quantity)) }
            case 5..<7:
                guard !rows.isEmpty else { continue }
                let row = rows.remove(at: Int.random(in: 0..<rows.count, using: &random))
                let cancelled = book.cancel(row.id)
                #expect(cancelled?.quantity.mantissa == row.quantity, "seed \(seed), step \(step)")
            case 7:
                guard !rows.isEmpty else { continue }
                let index = Int.random(in: 0..<rows.count, using: &random)
                let quantity = Int64(1 + Int.random(in: 0..<9, using: &random))
                let isLess = quantity < rows[index].quantity
                let isReduced = book.reduce(rows[index].id, to: Quantity(quantity))
                #expect(isReduced == isLess, "seed \(seed), step \(step)")
                if isLess { rows[index].quantity = quantity }
            default:
                let isBuy = Int.random(in: 0..<2, using: &random) == 0
                var rest = Int64(1 + Int.random(in: 0..<25, using: &random))
                var fills: [MatchingBook.Fill] = []
                let left = book.execute(isBuy ? .buy : .sell, Quantity(rest), into: &fills)
                for fill in fills {
                    guard let index = best(isBuy ? .ask : .bid) else { Issue.record("seed \(seed)"); return }
                    let taken = min(rest, rows[index].quantity)
                    #expect(
                        fill.order == rows[index].id && fill.quantity.mantissa == taken, "seed \(seed), step \(step)")
                    rest -= taken
                    rows[index].quantity -= taken
                    if rows[index].quantity == 0 { rows.remove(at: index) }
                }
                #expect(left.mantissa == rest && (rest == 0 || best(isBuy ? .ask : .bid) == nil), "seed \(seed)")
            }
            #expect(book.count == rows.count, "seed \(seed), step \(step)")
        }
        for (side, levels) in [(BookSide.Kind.bid, book.bids), (.ask, book.asks)] {
            let mine = rows.filter { $0.side == side }
            #expect(levels.count == Set(mine.map(\.price)).count, "seed \(seed)")
            for rank in 0..<levels.count {
                let queue = mine.filter { $0.price == levels[rank].price.mantissa }
                #expect(levels[rank].quantity.mantissa == queue.reduce(0) { $0 + $1.quantity }, "seed \(seed)")
                #expect(levels.orders(rank: rank) == queue.count, "seed \(seed)")
                #expect(
                    book.queue(side, at: levels[rank].price).map(\.quantity.mantissa) == queue.map(\.quantity),
                    "seed \(seed)")
            }
        }
    }
}
