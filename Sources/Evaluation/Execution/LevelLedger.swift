import Microstructure

/// The `QueueAccount`s of all prices of one symbol over the last second, so that an order that arrives knows which late
/// trades are already in the size that it finds.
///
/// It keeps levels of its own: a book that is older than the newest quote, by the update ids that both carry, does not
/// undo the quote. O(levels) a quote or book.
struct LevelLedger: Sendable {
    private struct Key: Hashable {
        let side: Side
        let price: Price
    }

    private(set) var bids: [PriceLevel] = []
    private(set) var asks: [PriceLevel] = []
    /// The newest quote or book.
    private(set) var sight = QueueAccount.Sight()
    /// The number of the next decrease.
    private(set) var nextNumber = 1
    private var accounts: [Key: QueueAccount] = [:]
    private var newestQuote: Quote?
    private var swept = Timestamp(nanoseconds: .min)
    /// Reused buffer: the levels before an update.
    private var earlier: [PriceLevel] = []

    /// Forgets everything: the book has a gap.
    mutating func forget() {
        bids.removeAll(keepingCapacity: true)
        asks.removeAll(keepingCapacity: true)
        accounts.removeAll(keepingCapacity: true)
        newestQuote = nil
    }

    /// Takes a quote or a book, after `market` has taken it.
    mutating func process(_ market: MarketView, book: BookSnapshot?, quote: Quote?, at time: Timestamp) {
        guard !market.isImplied else {
            forget()
            bids.append(contentsOf: market.bids)
            asks.append(contentsOf: market.asks)
            return
        }
        guard !market.bids.isEmpty || !market.asks.isEmpty else { return forget() }
        sight.time = time
        var newer: Quote?
        if let quote {
            newestQuote = quote
            // Only a quote without a time of its own shares its ids with the books.
            sight.updateID = quote.times.venue == quote.times.receive ? quote.updateID : 0
        } else if let book {
            if let newest = newestQuote, newest.times.venue == newest.times.receive, newest.updateID > book.updateID,
                time.nanoseconds(since: newest.times.receive) <= QueueAccount.memory
            {
                newer = newest
            }
            sight.updateID = book.updateID
        }
        replace(.long, with: market.bids, newer?.bid)
        replace(.short, with: market.asks, newer?.ask)
        if let book, book.times.venue > (sight.book?.time ?? Timestamp(nanoseconds: .min)) {
            sight.book = (book.times.venue, book.updateID)
        }
        guard book != nil || time.nanoseconds(since: swept) > QueueAccount.memory else { return }
        swept = time
        for key in accounts.keys {
            if let book = sight.book { accounts[key]?.close(with: book) }
            while accounts[key]?.popExpired(at: time) != nil {}
            if accounts[key]?.steps.isEmpty == true { accounts[key] = nil }
        }
    }

    /// Takes a trade. Returns the number of the newest decrease that explains it; `nil` if none explains all of it.
    mutating func process(_ trade: Trade, at time: Timestamp) -> Int? {
        let key = Key(side: trade.aggressor == .sell ? .long : .short, price: trade.price)
        return accounts[key, default: emptyAccount].trade(
            max(0, trade.quantity.mantissa), venueTime: trade.times.venue, at: time)
    }

    /// What lately happened at a price, as an order finds it.
    func account(_ side: Side, _ price: Price) -> QueueAccount {
        accounts[Key(side: side, price: price)]?.asFound ?? emptyAccount
    }

    private var emptyAccount: QueueAccount {
        QueueAccount(bookTime: sight.book?.time ?? Timestamp(nanoseconds: .min))
    }

    /// Size resting at a price; `nil` if the recorded levels do not reach that far.
    func shown(_ price: Price, _ side: Side) -> Int64? { Self.shown(price, on: side == .long ? bids : asks, side) }

    private static func shown(_ price: Price, on levels: [PriceLevel], _ side: Side) -> Int64? {
        guard let worst = levels.last else { return nil }
        for level in levels where level.price == price { return level.quantity.mantissa }
        let isWithin = side == .long ? price > worst.price : price < worst.price
        return isWithin ? 0 : nil
    }

    private mutating func replace(_ side: Side, with levels: [PriceLevel], _ newer: PriceLevel?) {
        let isBetter: (Price, Price) -> Bool = side == .long ? { $0 > $1 } : { $0 < $1 }
        earlier.removeAll(keepingCapacity: true)
        if side == .long {
            earlier.append(contentsOf: bids)
            bids.removeAll(keepingCapacity: true)
            bids.append(contentsOf: levels)
            if let newer { MarketView.sharpen(&bids, with: newer, isBetter: isBetter) }
        } else {
            earlier.append(contentsOf: asks)
            asks.removeAll(keepingCapacity: true)
            asks.append(contentsOf: levels)
            if let newer { MarketView.sharpen(&asks, with: newer, isBetter: isBetter) }
        }
        let now = side == .long ? bids : asks
        var place = 0
        for level in earlier {
            while place < now.count, isBetter(now[place].price, level.price) { place += 1 }
            // Deeper than what is known now.
            guard place < now.count else { break }
            let size = now[place].price == level.price ? now[place].quantity.mantissa : 0
            guard size < level.quantity.mantissa else { continue }
            accounts[Key(side: side, price: level.price), default: emptyAccount].decrease(
                from: level.quantity.mantissa, to: size, in: sight, number: nextNumber)
            nextNumber += 1
        }
    }
}
