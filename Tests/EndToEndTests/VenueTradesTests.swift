@testable import Bus
import Foundation
import Logging
import Runtime
import TestSupport
import Testing
import Wire
import ZeroMQ

/// No trade is lost where the venue can supply those that the stream did not bring: what `exchange-sim` says it has sent is
/// what `ingest` published.
@Suite struct VenueTradesTests {
    /// The ids of the trades that were published, by symbol.
    private final class Ledger {
        private var subscriber: Subscriber
        private(set) var live: [String: [Int64]] = [:]
        private(set) var backfilled: [String: [Int64]] = [:]

        init(_ bench: VenueTests.Bench, _ venue: String, in context: Context) throws {
            let logger = Logger(label: "test")
            subscriber = try Subscriber(
                EndpointDirectory([.plain("ipc://\(bench.folder.path)/ticks")], logger: logger),
                topics: VenueTradesTests.symbols.map { Topic.prefix(.tick, venue: venue, symbol: $0) + "trade|" },
                in: context, logger: logger)
        }

        func drain() throws {
            while let delivery = try subscriber.next(timeoutMilliseconds: 0) {
                let envelope = try subscriber.envelope()
                guard case .trade(let trade) = envelope.payload else { continue }
                let symbol = delivery.topic.symbol
                if trade.backfilled {
                    backfilled[symbol, default: []].append(trade.id)
                } else {
                    live[symbol, default: []].append(trade.id)
                }
            }
        }

        func published(_ symbol: String) -> [Int64] { live[symbol, default: []] + backfilled[symbol, default: []] }
        var lost: UInt64 { subscriber.counts.lost }
    }

    private static let symbols = ["BTCUSDT", "ETHUSDT"]
    /// Those that name trades by numbers in a row, and those that have only a list of them.
    private static let venues = VenueTests.venues.filter {
        ["kraken", "coinbase", "bybit", "okx", "bitstamp", "bitfinex"].contains($0.name)
    }

    @Test(.timeLimit(.minutes(3)), arguments: venues)
    func noTradeIsLost(venue: VenueTests.Venue) async throws {
        let bench = try await VenueTests.Bench(venue)
        let context = try Context()
        let ledger = try Ledger(bench, venue.name, in: context)
        #expect(await bench.isReady(), "\(bench.ingest.logText)")
        func hears() async throws -> Bool {
            try await eventually {
                try ledger.drain()
                return Self.symbols.allSatisfy { ledger.live[$0, default: []].count > 5 }
            }
        }
        let isHeard = try await hears()
        #expect(isHeard)
        // A message cut off in the middle, and connections that end: until something had to be fetched.
        try await bench.inject(#"{"fault":"malformed","channel":"trade"}"#)
        #expect(await eventually { await bench.metric(MetricName.feedRejected) > 0 })
        var fetched = 0.0
        for _ in 0..<10 where fetched < 1 {
            let before = await bench.metric(MetricName.feedReconnects) + bench.metric(MetricName.feedRotations)
            try await bench.inject(#"{"fault":"reset"}"#)
            #expect(
                await eventually {
                    await bench.metric(MetricName.feedReconnects) + bench.metric(MetricName.feedRotations) > before
                })
            #expect(await bench.isReady())
            try ledger.drain()
            let heard = Self.symbols.map { ledger.live[$0, default: []].count }
            let goesOn = try await eventually {
                try ledger.drain()
                return zip(Self.symbols, heard).allSatisfy { ledger.live[$0, default: []].count > $1 + 2 }
            }
            #expect(goesOn)
            fetched = await bench.metric(MetricName.feedBackfilledTrades)
        }
        #expect(fetched >= 1, "\(bench.ingest.logText)")
        // What was sent up to here has been published, or soon is.
        let marks = Self.symbols.map { ledger.live[$0, default: []].max() ?? 0 }
        func missing() throws -> [Int64] {
            try ledger.drain()
            return zip(Self.symbols, marks).flatMap { symbol, mark -> [Int64] in
                let published = Set(ledger.published(symbol))
                guard let first = published.min(), first <= mark else { return [] }
                return (first...mark).filter { !published.contains($0) }
            }
        }
        let isWhole = try await eventually(within: 30) { try missing().isEmpty }
        let lost = try missing()
        #expect(isWhole, "\(lost) \(bench.ingest.logText)")
        bench.exchange.signal(SIGTERM)
        #expect(await bench.exchange.exitCode() == 0)
        try ledger.drain()
        let truth = try Self.truth(bench.folder.appending(path: "truth"))
        for (symbol, mark) in zip(Self.symbols, marks) {
            let published = ledger.published(symbol)
            #expect(Set(published).count == published.count, "a trade was published twice")
            let first = try #require(published.min())
            let sent = truth[symbol, default: []].filter { $0 >= first && $0 <= mark }
            #expect(Set(sent) == Set(published.filter { $0 <= mark }))
            let fetched = ledger.backfilled[symbol, default: []]
            print(
                "\(venue.name) \(symbol): \(sent.count) trades sent, \(published.count { $0 <= mark }) published, \(fetched.count) of them fetched"
            )
        }
        #expect(ledger.lost == 0)
        #expect(await bench.metric(MetricName.feedUnfilledTrades) == 0)
    }

    /// The ids of the trades that the simulator has sent, by symbol.
    private static func truth(_ file: URL) throws -> [String: [Int64]] {
        struct Line: Decodable {
            var trade: String?
            var t: Int64?
        }
        var trades: [String: [Int64]] = [:]
        for line in try String(contentsOf: file, encoding: .utf8).split(separator: "\n") {
            guard let line = try? JSONDecoder().decode(Line.self, from: Data(line.utf8)), let symbol = line.trade,
                let id = line.t
            else { continue }
            trades[symbol, default: []].append(id)
        }
        return trades
    }
}
