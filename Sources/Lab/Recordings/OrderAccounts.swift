import Foundation
import Microstructure

/// What the events of single orders are, counted without a book: how orders come and go, and how far a book would be wrong that
/// takes an order away where its deletion says.
struct OrderAccounts {
    private(set) var created = 0
    private(set) var changed = 0
    private(set) var deleted = 0
    /// Deletions of orders that were neither in the snapshot nor created.
    private(set) var unknownDeletes = 0
    /// Deletions with another price than the order's message before.
    private(set) var deletedElsewhere = 0
    /// Of those, the ones with size left, and how many of them name a price at which an order was created in that millisecond.
    private(set) var deletedElsewhereUnfilled = 0
    private(set) var ofNewOrder = 0
    /// Lives of orders that were both created and deleted.
    private(set) var lives = 0
    private(set) var livesOfMillisecond = 0
    private(set) var livesOf100Milliseconds = 0
    /// Levels below zero at the end if each order's size is taken away at its deletion's price.
    private(set) var naiveNegativeLevels = 0

    private struct Known {
        var price: Price
        var quantity: Int64
        var created: Timestamp?
    }

    private struct Place: Hashable {
        var price: Price
        var side: BookSide.Kind
    }

    private struct Moment: Hashable {
        var price: Price
        var time: Timestamp
    }

    init(_ snapshot: ArraySlice<OrderUpdate>, _ events: ArraySlice<OrderUpdate>) {
        var known: [UInt64: Known] = [:]
        var naive: [Place: Int64] = [:]
        var creations: Set<Moment> = []
        for order in snapshot {
            known[order.id] = Known(price: order.price, quantity: order.quantity.mantissa)
            naive[Place(price: order.price, side: order.side), default: 0] += order.quantity.mantissa
        }
        for event in events where event.action == .add {
            creations.insert(Moment(price: event.price, time: event.times.venue))
        }
        for event in events {
            let place = Place(price: event.price, side: event.side)
            switch event.action {
            case .add, .set:
                created += 1
                known[event.id] = Known(
                    price: event.price, quantity: event.quantity.mantissa, created: event.times.venue)
                naive[place, default: 0] += event.quantity.mantissa
            case .change:
                changed += 1
                guard let order = known[event.id] else { continue }
                naive[Place(price: order.price, side: event.side), default: 0] -= order.quantity
                naive[place, default: 0] += event.quantity.mantissa
                known[event.id] = Known(
                    price: event.price, quantity: event.quantity.mantissa, created: order.created)
            case .delete:
                deleted += 1
                guard let order = known.removeValue(forKey: event.id) else {
                    unknownDeletes += 1
                    continue
                }
                naive[place, default: 0] -= order.quantity
                note(event, of: order, creations)
            }
        }
        naiveNegativeLevels = naive.values.count { $0 < 0 }
    }

    private mutating func note(_ event: OrderUpdate, of order: Known, _ creations: Set<Moment>) {
        if event.price != order.price {
            deletedElsewhere += 1
            if event.quantity > .zero {
                deletedElsewhereUnfilled += 1
                if creations.contains(Moment(price: event.price, time: event.times.venue)) { ofNewOrder += 1 }
            }
        }
        guard let created = order.created else { return }
        lives += 1
        let life = event.times.venue.nanoseconds(since: created)
        if life <= 1_000_000 { livesOfMillisecond += 1 }
        if life <= 100_000_000 { livesOf100Milliseconds += 1 }
    }

    var events: Int { created + changed + deleted }

    var lines: [String] {
        func share(_ part: Int, _ whole: Int) -> String {
            String(format: "%.2f %%", whole == 0 ? 0 : 100 * Double(part) / Double(whole))
        }
        return [
            "\(events) events: \(share(created, events)) created, \(share(deleted, events)) deleted, \(share(changed, events)) changed",
            "\(share(livesOfMillisecond, lives)) of \(lives) orders live for at most 1 ms, \(share(livesOf100Milliseconds, lives)) for at most 100 ms",
            "\(deletedElsewhere) of \(deleted) deletions have another price than the order, \(deletedElsewhereUnfilled) of them with size left, \(ofNewOrder) of these that of an order created in the same millisecond",
            "\(unknownDeletes) deletions of unknown orders",
            "\(naiveNegativeLevels) levels below zero in a book that deletes at the message's price",
        ]
    }
}
