import Foundation
import Microstructure
import Testing

@testable import Simulation

struct SyntheticMarketTests {
    private static let start = Timestamp(nanoseconds: 1_767_225_600_000_000_000)
    private static let second: Int64 = 1_000_000_000

    private func market(_ symbol: String = "BTCUSDT", seed: UInt64 = 7) -> EncodedMarket<BinanceEncoder> {
        let specification = SyntheticSpecification.demonstration(symbols: [symbol], seed: seed)
        let market = SyntheticMarket(
            specification.markets[0], events: specification.events, seed: seed, startTime: Self.start)
        return EncodedMarket(market, BinanceEncoder(market, delays: BinanceDialect.delays(.measured)))
    }

    @Test func theSameSeedGivesTheSameBytes() throws {
        var first = market()
        var second = market()
        // In one stretch, and in many with snapshots between.
        let whole = try first.frames(until: 20 * Self.second)
        var parts: [MarketFrame] = []
        for step in 1...200 {
            parts += try second.frames(until: Int64(step) * Self.second / 10)
            _ = second.snapshot(limit: 10)
        }
        #expect(whole == parts && whole.count > 1_000)
        var other = market(seed: 8)
        var ether = market("ETHUSDT")
        #expect(try other.frames(until: Self.second) != Array(whole.prefix { $0.due <= Self.second }))
        #expect(try ether.frames(until: Self.second).allSatisfy { $0.stream.hasPrefix("ethusdt@") })
    }

    @Test(arguments: ["BTCUSDT", "ETHUSDT", "SOLUSDT", "XYZUSDT"])
    func aLongRunIsAnUnbrokenMarket(symbol: String) throws {
        let seed: UInt64 = 20_240_808
        var market = market(symbol, seed: seed)
        var book = try market.clientBook()
        var joined: [Int64: ClientBook] = [:]
        var tickers: [Int64: ClientBook.Ticker] = [:]
        var lastTrade: ClientBook.Trade?
        var lastTicker: Int64 = 0
        var (frames, compared, trades, lastDue) = (0, 0, 0, Int64(0))
        var prices: [(dueSeconds: Double, mid: Double)] = []
        var hasJoined = false
        // Every 7.013 s somebody fetches a snapshot, wherever the stream is.
        let joinInterval = 7_013_000_000 as Int64
        var nextJoin = joinInterval
        while let due = market.nextDue, due <= 400 * Self.second {
            if due > nextJoin {
                joined[nextJoin] = try market.clientBook()
                nextJoin += joinInterval
            }
            guard let frame = try market.nextFrame(dueBy: due) else { throw Broken("a due frame is missing") }
            frames += 1
            #expect(frame.due >= lastDue)
            lastDue = frame.due
            switch frame.kind {
            case .depth:
                let event = try frame.decoded(ClientBook.Depth.self)
                // The market is ahead of its delayed messages: the snapshot may already hold the first ones.
                let outcome = book.take(event)
                #expect(outcome == .applied || (outcome == .ignored && !hasJoined), "seed \(seed), id \(event.u)")
                hasJoined = hasJoined || outcome == .applied
                guard let bid = book.bestBid, let ask = book.bestAsk else { throw Broken("a side is empty") }
                #expect(Double(bid.price)! < Double(ask.price)!)
                prices.append((dueSeconds: Double(frame.due) / 1e9, mid: (Double(bid.price)! + Double(ask.price)!) / 2))
                if let ticker = tickers[event.u] {
                    compared += 1
                    #expect(book.agrees(with: ticker), "seed \(seed), id \(event.u)")
                }
                tickers.removeAll(keepingCapacity: true)
                // Whoever joined has the same book from the first event that fits.
                for (time, var client) in joined {
                    switch client.take(event) {
                    case .hole: Issue.record("seed \(seed): the snapshot of \(time) does not join id \(event.U)")
                    case .ignored: joined[time] = client
                    case .applied:
                        #expect(client.bids == book.bids && client.asks == book.asks)
                        joined[time] = nil
                    }
                }
            case .trade:
                let trade = try frame.decoded(ClientBook.Trade.self)
                trades += 1
                #expect(trade.t == (lastTrade?.t ?? trade.t - 1) + 1 && trade.E >= (lastTrade?.E ?? 0))
                #expect(trade.T <= trade.E && trade.E <= trade.T + 215)
                #expect(trade.E <= (Self.start.nanoseconds + frame.due) / 1_000_000)
                lastTrade = trade
            case .quote:
                let ticker = try frame.decoded(ClientBook.Ticker.self)
                #expect(ticker.u > lastTicker && Double(ticker.b)! < Double(ticker.a)!)
                lastTicker = ticker.u
                tickers[ticker.u] = ticker
            case .other: Issue.record("unexpected frame")
            }
        }
        let moves = zip(prices, prices.dropFirst(10)).map { ($1.mid / $0.mid - 1) * 1e4 }
        let deviation = (moves.map { $0 * $0 }.reduce(0, +) / Double(moves.count)).squareRoot()
        print(
            "\(symbol), seed \(seed): \(frames) frames, \(trades) trades, \(compared) books compared with tickers,",
            "price \(prices.map(\.mid).min()!)…\(prices.map(\.mid).max()!), 1 s move \(deviation) bp,",
            "levels \(book.bids.count)/\(book.asks.count), \(market.planted.count) events")
        #expect(compared > 100 && trades > 1_500 && joined.isEmpty)
        #expect(book.bids.count > 40 && book.asks.count > 40)
    }

    @Test func theDemonstrationsEventsAreOneSidedAndBusy() throws {
        var market = market()
        let frames = try market.frames(until: 600 * Self.second)
        let trades = try frames.filter { $0.kind == .trade }
            .map { (due: $0.due, isBuy: !(try $0.decoded(ClientBook.Trade.self).m)) }
        let events = market.planted.filter { $0.end < 600 * Self.second }
        #expect((17...34).contains(events.count))
        #expect(events[0].start < 30 * Self.second)
        var previousEnd: Int64 = 0
        for event in events {
            #expect((15 * Self.second...30 * Self.second).contains(event.start - previousEnd))
            #expect((3 * Self.second...5 * Self.second).contains(event.end - event.start))
            previousEnd = event.end
        }
        func event(at due: Int64) -> PlantedEvent? { events.first { $0.start <= due && due < $0.end } }
        let inside = trades.filter { event(at: $0.due) != nil }
        let along = inside.filter { $0.isBuy == (event(at: $0.due)?.direction == .buy) }
        let length = Double(events.map { $0.end - $0.start }.reduce(0, +)) / 1e9
        let quiet = Double(trades.count - inside.count) / (600 - length)
        print(
            "trades per second: quiet \(quiet), events \(Double(inside.count) / length),",
            "along \(Double(along.count) / Double(inside.count))")
        #expect(Double(inside.count) / length > 3 * quiet)
        #expect(Double(along.count) > 0.8 * Double(inside.count))
    }

    /// A venue that sends two messages for a trade and none for anything else.
    private struct TradeTwice: MarketEncoder {
        func encode(_ event: SimulatedEvent, into frames: inout [MarketFrame]) {
            guard case .trade(let id, _, _, _) = event.content else { return }
            for copy in 1...2 {
                let text = Array("\(id) \(copy)".utf8)
                frames.append(
                    MarketFrame(stream: "t", kind: .trade, due: event.due, bytes: text, payload: 0..<text.count))
            }
        }

        func snapshot(_ book: SimulatedBook) -> [UInt8] { Array("\(book.updateID)".utf8) }
    }

    @Test func anotherVenueSendsTheSameMarket() throws {
        let specification = SyntheticSpecification.demonstration(symbols: ["BTCUSDT"], seed: 7)
        var binance = BinanceDialect().serve(
            SyntheticMarket(specification.markets[0], events: specification.events, seed: 7, startTime: Self.start),
            delays: .none)
        var other = EncodedMarket(
            SyntheticMarket(specification.markets[0], events: specification.events, seed: 7, startTime: Self.start),
            TradeTwice())
        let trades = try binance.frames(until: 60 * Self.second).filter { $0.kind == .trade }
        let expected = try trades.flatMap { frame in
            let trade = try frame.decoded(ClientBook.Trade.self)
            return (1...2).map { (frame.due, "\(trade.t) \($0)") }
        }
        let found = try other.frames(until: 60 * Self.second).map { ($0.due, $0.text) }
        #expect(found.count > 100 && found.elementsEqual(expected, by: ==))
        #expect(other.nextDue.map { $0 > 60 * Self.second } == true)
        // The other market has run on to its next trade.
        #expect(
            try Int64(String(decoding: other.snapshot(limit: 5) ?? [], as: UTF8.self)) ?? 0
                >= binance.clientBook().updateID)
    }

    /// The order of arrival is the recordings': shares and quantiles of 9,757 and 6,106 trades (VENUES.md, article
    /// SyntheticFacts), with room for a market that differs.
    @Test(arguments: ["BTCUSDT", "ETHUSDT"]) func quotesOvertakeTheirTrades(symbol: String) throws {
        var market = market(symbol, seed: 5)
        var last: ClientBook.Ticker?
        var (trades, opposite) = (0, 0)
        var late: [Int64] = []
        var sent: [StreamKind: Int64] = [:]
        for frame in try market.frames(until: 600 * Self.second) {
            #expect(frame.due >= sent[frame.kind] ?? 0)
            sent[frame.kind] = frame.due
            if frame.kind == .quote { last = try frame.decoded(ClientBook.Ticker.self) }
            guard frame.kind == .trade, let last else { continue }
            let trade = try frame.decoded(ClientBook.Trade.self)
            trades += 1
            late.append(trade.E - trade.T)
            let price = try #require(Double(trade.p))
            if try trade.m ? price >= #require(Double(last.a)) : price <= #require(Double(last.b)) { opposite += 1 }
        }
        late.sort()
        let quantiles = [0.1, 0.5, 0.75, 0.9, 0.99, 1].map { late[Int(Double(late.count - 1) * $0)] }
        print("\(symbol): \(trades) trades, E−T \(quantiles), opposite \(Double(opposite) / Double(trades))")
        #expect(Double(opposite) > 0.08 * Double(trades) && Double(opposite) < 0.5 * Double(trades))
        #expect(late[0] == 0 && quantiles[1] == 1 && quantiles[5] <= 214)
        #expect((10...120).contains(quantiles[3]) && (90...214).contains(quantiles[4]))
    }

    @Test func withoutDelaysEverythingIsSentAsItHappens() throws {
        let specification = SyntheticSpecification.demonstration(symbols: ["BTCUSDT"], seed: 7)
        func market(_ delays: ArrivalDelays.Name) -> any SimulatedMarket {
            BinanceDialect().serve(
                SyntheticMarket(specification.markets[0], seed: 7, startTime: Self.start), delays: delays)
        }
        var (plain, measured) = (market(.none), market(.measured))
        let frames = try plain.frames(until: 60 * Self.second)
        for frame in frames where frame.kind == .trade {
            let trade = try frame.decoded(ClientBook.Trade.self)
            #expect(trade.E == trade.T && trade.E == (Self.start.nanoseconds + frame.due) / 1_000_000)
        }
        // The delays change no market: the same messages but for their event times.
        let quotes = frames.filter { $0.kind == .quote }.map(\.text)
        let delayed = try measured.frames(until: 59 * Self.second).filter { $0.kind == .quote }.map(\.text)
        #expect(delayed.count > 100 && quotes.prefix(delayed.count).elementsEqual(delayed))
    }

    private struct Broken: Error {
        let what: String
        init(_ what: String) { self.what = what }
    }
}
