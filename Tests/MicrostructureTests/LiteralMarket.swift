@testable import Microstructure

/// A market of which every event is kept for ever, for definitions that are taken literally.
struct LiteralMarket {
    typealias Level = (price: Int64, size: Int64)
    typealias Best = (bid: Level, ask: Level)

    struct Quoted {
        let index: Int
        let time: Int64
        let id: Int64
        let best: Best
    }

    /// The best prices at one time, `nil` if unknown or improper.
    struct State {
        let index: Int
        let time: Int64
        let best: Best?
        /// It is the successor of the state before it.
        let continues: Bool
    }

    struct Book {
        let index: Int
        let time: Int64
        let venue: Int64
        let bids: [Level]
        let asks: [Level]
        /// It continues the book before it.
        let continues: Bool
    }

    struct Trade {
        let index: Int
        let time: Int64
        let price: Int64
        let size: Int64
        let sign: Int64
    }

    /// Consecutive trades of one venue time and side.
    struct Taker {
        let venue: Int64
        let sign: Int64
        var trades: [Trade]

        var start: Int64 { trades[0].time }
        var size: Int64 { trades.reduce(0) { $0 + $1.size } }
        var prices: Int { Set(trades.map(\.price)).count }
    }

    private(set) var clock = Int64.min
    private(set) var firstTime: Int64?
    private(set) var index = -1
    private(set) var takers: [Taker] = []
    // Of this epoch.
    /// Every update id, in the order of arrival.
    private(set) var ids: [(time: Int64, id: Int64)] = []
    private(set) var quotes: [Quoted] = []
    private(set) var books: [Book] = []
    /// Events after which the book was not trusted.
    private(set) var doubts: [(index: Int, time: Int64)] = []
    /// The best prices since they last came from another source.
    private(set) var states: [State] = []
    /// The event that began this list.
    private(set) var statesBegin = -1

    private var spell: [Quoted] = []
    private var booksSinceQuote: [(time: Int64, best: Best?)] = []
    private var isChained = false
    private var isKnown = false
    private var epoch: UInt64?
    private var vectorsSinceHeartbeat = 0
    private static let patience = 5 * second

    var trades: [Trade] { takers.flatMap(\.trades) }

    /// Whether the vector that the event writes has a trusted book; `nil` if it writes none.
    mutating func process(_ event: MarketEvent, _ levels: [PriceLevel]) -> Bool? {
        index += 1
        clock = max(clock, event.times.receive.nanoseconds)
        firstTime = firstTime ?? clock
        switch event {
        case .quote(let quote): take(quote)
        case .trade(let trade): take(trade)
        case .book(let update):
            enter(update.epoch)
            isKnown = update.validity == .valid
            guard isKnown else {
                doubt()
                return nil
            }
            take(update, levels)
            vectorsSinceHeartbeat += 1
            return true
        case .heartbeat(let heartbeat):
            enter(heartbeat.epoch)
            if heartbeat.validity != .valid { doubt() }
            defer { vectorsSinceHeartbeat = 0 }
            return vectorsSinceHeartbeat == 0 ? isKnown && heartbeat.validity == .valid : nil
        }
        return nil
    }

    private static func level(_ level: PriceLevel) -> Level { (level.price.mantissa, level.quantity.mantissa) }

    private mutating func enter(_ new: UInt64) {
        guard new != epoch else { return }
        epoch = new
        (isKnown, isChained) = (false, false)
        (ids, quotes, books, doubts) = ([], [], [], [])
        beginStates()
    }

    private mutating func beginStates() {
        (states, spell, booksSinceQuote) = ([], [], [])
        statesBegin = index
    }

    private mutating func doubt() {
        isChained = false
        doubts.append((index, clock))
        states.append(State(index: index, time: clock, best: nil, continues: false))
    }

    private mutating func take(_ trade: Microstructure.Trade) {
        let sign: Int64 = trade.aggressor == .buy ? 1 : -1
        let venue = trade.times.venue.nanoseconds
        let kept = Trade(
            index: index, time: clock, price: trade.price.mantissa, size: trade.quantity.mantissa, sign: sign)
        if let last = takers.last, last.venue == venue, last.sign == sign {
            takers[takers.count - 1].trades.append(kept)
        } else {
            takers.append(Taker(venue: venue, sign: sign, trades: [kept]))
        }
    }

    private mutating func take(_ quote: Quote) {
        ids.append((clock, quote.updateID))
        if spell.isEmpty { beginStates() }
        var continues = true
        if let last = spell.last, quote.updateID < last.id {
            guard clock - last.time >= Self.patience else { return }
            continues = false
        }
        let quoted = Quoted(
            index: index, time: clock, id: quote.updateID, best: (Self.level(quote.bid), Self.level(quote.ask)))
        spell.append(quoted)
        quotes.append(quoted)
        booksSinceQuote = []
        append(quoted.best, continues: continues)
    }

    private mutating func take(_ update: BookSnapshot, _ levels: [PriceLevel]) {
        ids.append((clock, update.updateID))
        let book = Book(
            index: index, time: clock, venue: update.times.venue.nanoseconds,
            bids: levels[update.bids].prefix(20).map(Self.level), asks: levels[update.asks].prefix(20).map(Self.level),
            continues: isChained)
        isChained = true
        books.append(book)
        var best: Best?
        if let bid = book.bids.first, let ask = book.asks.first { best = (bid, ask) }
        if let quote = spell.last?.best {
            booksSinceQuote.append((clock, best))
            let against = booksSinceQuote.reversed().prefix { book in
                guard let best = book.best else { return true }
                return best.bid != quote.bid || best.ask != quote.ask
            }
            guard let first = against.last, clock - first.time >= Self.patience else { return }
            beginStates()
        }
        append(best, continues: true)
    }

    private mutating func append(_ best: Best?, continues: Bool) {
        var proper = best
        if let best, best.bid.size <= 0 || best.ask.size <= 0 || best.bid.price >= best.ask.price { proper = nil }
        let before = states.last?.best
        states.append(
            State(
                index: index, time: clock, best: proper, continues: continues && before != nil && proper != nil))
    }
}

/// Books, quotes and trades of a market that is restless, falls silent, and loses its book now and then: takers walk
/// through prices, quotes come before or after their trades, best prices come back, ids repeat and restart.
func restlessMarket(_ random: inout SplitMix64, count: Int) -> MarketScript {
    var script = MarketScript()
    var time = 1_723_161_253 * second + 123
    var (epoch, id, mid): (UInt64, Int64, Int64) = (1, 1_000, 10_000)
    var isValid = true
    while script.events.count < count {
        time += Int64.random(in: 0...(second / 3), using: &random)
        if random.chance(0.006) { time += Int64.random(in: 1...9, using: &random) * second }
        if random.chance(0.002) { time += 40 * second }
        // An event that was received before others.
        let now = random.chance(0.02) ? time - second / 3 : time
        if random.chance(0.0015) { epoch += 1 }
        if random.chance(isValid ? 0.002 : 0.2) { isValid.toggle() }
        if random.chance(0.4) { mid += Int64.random(in: -3...3, using: &random) }
        if random.chance(0.0015) { id -= 500 }
        id += Int64.random(in: 0...4, using: &random)
        func size(_ random: inout SplitMix64) -> Int64 {
            random.chance(0.01) ? 0 : Int64.random(in: 1...60, using: &random)
        }
        switch Double.random(in: 0..<1, using: &random) {
        case ..<0.3:
            let side: AggressorSide = random.chance(0.5) ? .buy : .sell
            // A trade may come after the book that contains it.
            let venue = random.chance(0.1) ? time - second : time
            var price = mid + (side == .buy ? 2 : -2)
            for _ in 0..<(random.chance(0.5) ? 1 : Int.random(in: 2...5, using: &random)) {
                script.trade(now, price: price, size: Int64.random(in: 0...50, using: &random), side, venue: venue)
                if random.chance(0.4) { price += side == .buy ? 1 : -1 }
            }
        case ..<0.6:
            let late = random.chance(0.05)
            let bid = (mid - Int64.random(in: 1...2, using: &random), size(&random))
            let ask = (mid + (random.chance(0.01) ? -3 : Int64.random(in: 1...2, using: &random)), size(&random))
            script.quote(now, bid: bid, ask: ask, updateID: late ? id - 20 : id)
        case ..<0.93:
            func side(_ step: Int64, _ random: inout SplitMix64) -> [(Int64, Int64)] {
                var levels: [(Int64, Int64)] = []
                var price = mid
                let count = random.chance(0.05) ? Int.random(in: 0...9, using: &random) : 22
                for _ in 0..<count {
                    price += step * Int64.random(in: 1...2, using: &random)
                    levels.append((price, random.chance(0.5) ? 30 : size(&random)))
                }
                return levels
            }
            script.book(
                now, bids: side(-1, &random), asks: side(1, &random), epoch: epoch,
                validity: isValid ? .valid : .resyncing, updateID: id)
        default: script.heartbeat(now, isValid ? .valid : .stale, epoch: epoch)
        }
    }
    return script
}
