import TestSupport
@testable import Bus
@testable import Runtime
import Foundation
import Logging
import Microstructure
import Testing
import Wire
import ZeroMQ

@Suite struct BusTests {
    private let folder: URL
    private let endpoint: String

    init() throws {
        folder = try TestFiles.temporaryFolder()
        endpoint = "ipc://\(folder.path)/bus"
    }

    private func trade(_ id: Int64) -> ProtoEnvelope.OneOf_Payload {
        var trade = ProtoTrade()
        trade.id = id
        trade.aggressor = .buy
        return .trade(trade)
    }

    /// The endpoint of a producer that takes over; not the first one's, which the dying socket still has to unlink.
    private var secondEndpoint: String { endpoint + "-2" }

    private func subscriber(_ context: Context) throws -> Subscriber {
        try Subscriber(
            EndpointDirectory([.plain(endpoint), .plain(secondEndpoint)], logger: Logger(label: "test")),
            topics: [Topic.prefix(.tick)],
            in: context, logger: Logger(label: "test"))
    }

    private func publisher(_ context: Context, at endpoint: String? = nil, epoch: UInt64) throws -> Publisher {
        try Publisher([.plain(endpoint ?? self.endpoint)], in: context, producer: "test", epoch: epoch, kind: .tick)
    }

    /// Waits until a subscription stands.
    private func join(_ publisher: inout Publisher) throws {
        let end = HostClock.monotonicNanoseconds + 10_000_000_000
        while publisher.subscriptions == 0, HostClock.monotonicNanoseconds < end { try publisher.countSubscriptions() }
        try #require(publisher.subscriptions > 0)
    }

    @Test func everyMessageArrivesOnceAndInOrder() throws {
        let context = try Context()
        var publisher = try publisher(context, epoch: 1)
        var subscriber = try subscriber(context)
        try join(&publisher)
        var topic = PublishedTopic(.tick(.binance, "BTCUSDT", .trade))
        for id in 1...20_000 { #expect(try publisher.publish(trade(Int64(id)), on: &topic)) }
        var ids: [Int64] = []
        while ids.count < 20_000, let delivery = try subscriber.next(timeoutMilliseconds: 5_000) {
            #expect(delivery.topic.symbol == "BTCUSDT")
            ids.append(try subscriber.envelope().trade.id)
        }
        #expect(ids == (1...20_000).map { Int64($0) })
        #expect(subscriber.counts.lost == 0)
        #expect(subscriber.counts.received == 20_000)
    }

    /// What is written into the writer and read into a reader shares the topic's sequence and accounts with what goes
    /// through the generated types.
    @Test func aReaderAndTheGeneratedTypesShareTheAccounts() throws {
        let context = try Context()
        var publisher = try publisher(context, epoch: 1)
        var subscriber = try subscriber(context)
        try join(&publisher)
        let instrument = Instrument(venue: .binance, symbol: "BTCUSDT", priceExponent: -2, quantityExponent: -5)
        let time = Timestamp(nanoseconds: 1)
        func written(_ id: Int64) -> Trade {
            Trade(
                instrument: InstrumentID(0), times: EventTimes(venue: time, receive: time), id: id, price: Price(2),
                quantity: Quantity(3), aggressor: .sell)
        }
        var topic = PublishedTopic(.tick(.binance, "BTCUSDT", .trade))
        for id in 1...10 as ClosedRange<Int64> {
            if id.isMultiple(of: 3) {
                try publisher.publish(.status(ProtoStatus(validity: .valid, bookEpoch: 1)), on: &topic)
            } else {
                #expect(try publisher.publish(on: &topic) { $0.write(written(id), instrument: instrument) })
            }
        }
        var arrivals: [SequenceTracker.Arrival] = []
        while arrivals.count < 10, let delivery = try subscriber.next(timeoutMilliseconds: 5_000) {
            let id = Int64(arrivals.count + 1)
            #expect(delivery.topic.symbol == "BTCUSDT")
            switch subscriber.reader.content {
            case .event(.trade(let trade)): #expect(!id.isMultiple(of: 3) && trade == written(id))
            case .event(.heartbeat(let heartbeat)): #expect(id.isMultiple(of: 3) && heartbeat.validity == .valid)
            default: Issue.record("neither a trade nor a status: \(subscriber.reader.content)")
            }
            arrivals.append(delivery.arrival)
        }
        #expect(arrivals == (1...10).map { $0 == 1 ? .first(missed: 0) : .next })
        #expect(subscriber.counts.received == 10 && subscriber.counts.lost == 0)
    }

    /// A consumer that joins late knows how many messages it has missed, and a restarted producer is recognised.
    @Test func joiningLateAndRestartsAreCounted() throws {
        let context = try Context()
        var topic = PublishedTopic(.tick(.binance, "BTCUSDT", .trade))
        var subscriber = try subscriber(context)
        do {
            var publisher = try publisher(context, epoch: 1)
            for id in 1...5 { try publisher.publish(trade(Int64(id)), on: &topic) }
            try join(&publisher)
            try publisher.publish(trade(6), on: &topic)
            let first = try #require(try subscriber.next(timeoutMilliseconds: 5_000))
            // Messages sent before the subscription stood may or may not have found it; the sequence tells.
            #expect(first.arrival == .first(missed: UInt64(try subscriber.envelope().trade.id) - 1))
            while try subscriber.next(timeoutMilliseconds: 100) != nil {}
        }
        var second = try publisher(context, at: secondEndpoint, epoch: 2)
        var newTopic = PublishedTopic(.tick(.binance, "BTCUSDT", .trade))
        try join(&second)
        try second.publish(trade(1), on: &newTopic)
        #expect(try subscriber.next(timeoutMilliseconds: 5_000)?.arrival == .restarted(missed: 0))
        #expect(subscriber.counts.restarts == 1)
    }

    /// Topic by topic, what the metrics say was sent is what they say was received, lost, or missed at join.
    @Test func theMetricsAccountForEveryTopic() throws {
        let registry = Observability.bootstrap(service: "test", level: .critical, format: .text, version: "test")
        let symbol = "ACCOUNTUSDT"
        let context = try Context()
        var publisher = try publisher(context, epoch: 1)
        // Nobody listens there: what goes to it is lost to the topic.
        var void = try self.publisher(context, at: endpoint + "-void", epoch: 1)
        var trades = PublishedTopic(.tick(.binance, symbol, .trade))
        var quotes = PublishedTopic(.tick(.binance, symbol, .quote))
        for id in 1...7 { try void.publish(trade(Int64(id)), on: &trades) }
        var subscriber = try subscriber(context)
        try join(&publisher)
        for id in 1...20 { try publisher.publish(trade(Int64(id)), on: &trades) }
        for id in 1...5 { try void.publish(trade(Int64(id)), on: &trades) }
        for id in 1...3 {
            try publisher.publish(trade(Int64(id)), on: &trades)
            try publisher.publish(.quote(ProtoQuote()), on: &quotes)
        }
        for _ in 1...26 { _ = try subscriber.next(timeoutMilliseconds: 5_000) }
        let page = registry.render()
        func value(_ name: String, _ detail: String) -> String? {
            let series =
                "microstructure_bus_messages_\(name)_total{detail=\"\(detail)\",kind=\"tick\",symbol=\"\(symbol)\",venue=\"binance\"} "
            return page.split(separator: "\n").first { $0.hasPrefix(series) }.map { String($0.dropFirst(series.count)) }
        }
        #expect(value("sent", "trade") == "35")
        #expect(value("missed_at_join", "trade") == "7")
        #expect(value("received", "trade") == "23")
        #expect(value("lost", "trade") == "5")
        #expect(value("dropped", "trade") == "0")
        #expect(value("sent", "quote") == "3")
        #expect(value("received", "quote") == "3")
        #expect(value("lost", "quote") == "0")
    }

    /// Garbage on a tick topic is refused and counted; what is good around it arrives.
    @Test func garbageIsCountedAndPassedOver() throws {
        let context = try Context()
        let socket = try Socket(.xpub, in: context)
        try socket.bind(endpoint)
        var subscriber = try subscriber(context)
        var message = Message()
        #expect(try socket.receive(into: &message))
        let topic = Topic.tick(.binance, "BTCUSDT", .trade).bytes
        var good = ProtoEnvelope()
        good.epoch = 1
        good.sequence = 1
        good.payload = trade(1)
        // Well-formed, with times at the ends of the range: read, and no arithmetic may trap on them.
        var absurd = good
        absurd.sentTimeNs = .min
        let frames: [[[UInt8]]] = [
            [topic, [1, 2, 3]], [topic, []], [topic], [topic, [], []], [Array("tick.nonsense|".utf8), [0]],
            [topic, EnvelopeCodec.encode(ProtoEnvelope())], [topic, EnvelopeCodec.encode(absurd)],
        ]
        for frame in frames { _ = try socket.offer(frame) }
        #expect(try subscriber.next(timeoutMilliseconds: 5_000) != nil)
        #expect(try subscriber.envelope().trade.id == 1)
        #expect(subscriber.rejectedCount == UInt64(frames.count - 1))
        #expect(subscriber.counts.received == 1)
    }

    @Test func aTakenPortIsAClearError() throws {
        let context = try Context()
        let first = try Publisher(
            [.plain("tcp://127.0.0.1:*")], in: context, producer: "test", epoch: 1, kind: .tick)
        let taken = try first.endpoint
        do {
            _ = try Publisher([.plain(taken)], in: context, producer: "test", epoch: 2, kind: .tick)
            Issue.record("two publishers on \(taken)")
        } catch let error as ZMQError {
            #expect(error.isAddressInUse)
            #expect("\(error)".contains(taken))
        }
    }
}
