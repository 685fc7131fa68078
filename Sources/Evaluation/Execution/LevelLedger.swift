import Microstructure

/// The `QueueAccount`s of all prices of one symbol over the last second, so that an order that arrives knows which late
/// trades are already in the size that it finds.
///
/// It keeps levels of its own: a book that is older than the newest quote, by the update ids that both carry, does not
/// undo the quote. O(levels) a quote or book; no allocation once the buffers have grown.
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
    /// Where the account of a price is among `accounts`; the accounts behind the last place are spare.
    private var places: [Key: Int] = [:]
    private var keys: [Key] = []
    private var accounts: [QueueAccount] = []
    private var newestQuote: Quote?
    private var swept = Timestamp(nanoseconds: .min)
    /// Reused buffer: the levels before an update.
    private var earlier: [PriceLevel] = []

    /// Forgets everything: the book has a gap.
    mutating func forget() {
        bids.removeAll(keepingCapacity: true)
        asks.removeAll(keepingCapacity: true)
        places.removeAll(keepingCapacity: true)
        keys.removeAll(keepingCapacity: true)
        newestQuote = nil
    }

    /// Takes a quote or a book, after `market` has taken it.
    mutating func process(_ market: MarketView, book: BookSnapshot?, quote: Quote?, at time: Timestamp) {
        sight.time = time
        guard !market.isImplied else {
            forget()
            bids.append(contentsOf: market.bids)
            asks.append(contentsOf: market.asks)
            return
        }
        guard !market.bids.isEmpty || !market.asks.isEmpty else { return forget() }
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
        sweep(at: time)
    }

    /// Takes a trade. Returns the number of the newest decrease that explains it; `nil` if none explains all of it.
    mutating func process(_ trade: Trade, at time: Timestamp) -> Int? {
        // During a gap no size is known that the trade could be in.
        guard !bids.isEmpty || !asks.isEmpty else { return nil }
        let place = place(of: Key(side: trade.aggressor == .sell ? .long : .short, price: trade.price))
        return accounts[place].trade(max(0, trade.quantity.mantissa), venueTime: trade.times.venue, at: time)
    }

    /// What lately happened at a price, as an order finds it.
    func account(_ side: Side, _ price: Price) -> QueueAccount {
        places[Key(side: side, price: price)].map { accounts[$0].asFound } ?? QueueAccount(bookTime: bookTime)
    }

    private var bookTime: Timestamp { sight.book?.time ?? Timestamp(nanoseconds: .min) }

    /// The place of a price's account, which is empty if nothing happened there lately.
    private mutating func place(of key: Key) -> Int {
        if let place = places[key] { return place }
        let place = keys.count
        places[key] = place
        keys.append(key)
        if place < accounts.count {
            accounts[place].reset(bookTime: bookTime)
        } else {
            accounts.append(QueueAccount(bookTime: bookTime))
        }
        return place
    }

    /// Notes the newest book in all accounts, and sets those aside in which nothing happened lately.
    private mutating func sweep(at time: Timestamp) {
        var place = 0
        while place < keys.count {
            if let book = sight.book { accounts[place].close(with: book) }
            while accounts[place].popExpired(at: time) != nil {}
            guard accounts[place].steps.isEmpty else {
                place += 1
                continue
            }
            let last = keys.count - 1
            places[keys[place]] = nil
            if place < last {
                accounts.swapAt(place, last)
                keys[place] = keys[last]
                places[keys[place]] = place
            }
            keys.removeLast()
        }
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
            let account = self.place(of: Key(side: side, price: level.price))
            accounts[account].decrease(from: level.quantity.mantissa, to: size, in: sight, number: nextNumber)
            nextNumber += 1
        }
    }
}
