import Foundation
import Logging
import Microstructure
import Testing
import Venues
import Wire
import ZeroMQ

@testable import Bus
@testable import Ingest
@testable import Runtime
import TestSupport

/// The same symbol of several venues on one bus.
@Suite struct SeveralVenuesTests {
    private static func instrument(_ venue: Venue) -> Instrument {
        Instrument(venue: venue, symbol: "BTCUSDT", priceExponent: -2, quantityExponent: -5)
    }

    private static func trades(_ ids: ClosedRange<Int64>) -> EventBatch {
        var batch = EventBatch()
        for id in ids {
            let time = Timestamp(nanoseconds: 1_700_000_000_000_000_000 + id * 1_000_000)
            batch.append(
                .trade(
                    Trade(
                        instrument: InstrumentID(0), times: EventTimes(venue: time, receive: time), id: id,
                        price: Price(6_000_000 + id), quantity: Quantity(100), aggressor: .buy)))
        }
        return batch
    }

    /// Both count their messages from 1; under one name the older process's would be duplicates of the newer one's.
    @Test func binanceAndBinanceUSFlowSideBySide() throws {
        let folder = try TestFiles.temporaryFolder()
        defer { try? FileManager.default.removeItem(at: folder) }
        let context = try Context()
        func endpoint(_ venue: Venue) -> Endpoint { .plain("ipc://\(folder.path)/\(venue)") }
        func publisher(_ venue: Venue, epoch: UInt64) throws -> Publisher {
            try Publisher([endpoint(venue)], in: context, producer: "ingest-\(venue)", epoch: epoch, kind: .tick)
        }
        var globalBus = try publisher(.binance, epoch: 2_000)
        var usBus = try publisher(.binanceUS, epoch: 1_000)
        let logger = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }
        var subscriber = try Subscriber(
            EndpointDirectory([endpoint(.binance), endpoint(.binanceUS)], logger: logger),
            topics: [Topic.prefix(.tick)],
            in: context, logger: logger)
        let end = HostClock.monotonicNanoseconds + 10_000_000_000
        while globalBus.subscriptions == 0 || usBus.subscriptions == 0, HostClock.monotonicNanoseconds < end {
            try globalBus.countSubscriptions()
            try usBus.countSubscriptions()
        }
        var global = MarketPublisher(globalBus, instruments: [Self.instrument(.binance)], epoch: 2_000)
        var us = MarketPublisher(usBus, instruments: [Self.instrument(.binanceUS)], epoch: 1_000)
        try global.publish(Self.trades(1...50))
        try us.publish(Self.trades(1...50))

        var features = FeatureMarkets()
        var taken: [String: Int] = [:]
        while taken.values.reduce(0, +) < 100, let delivery = try subscriber.next(timeoutMilliseconds: 5_000) {
            if case .ignored = try features.process(delivery.topic, subscriber.reader, delivery.arrival) { continue }
            taken[delivery.topic.market, default: 0] += 1
        }
        #expect(taken == ["binance.BTCUSDT": 50, "binance_us.BTCUSDT": 50])
        #expect(subscriber.counts.duplicates == 0 && subscriber.counts.lost == 0 && subscriber.rejectedCount == 0)
        #expect(Set(features.markets.map(\.instrument.venue)) == [.binance, .binanceUS])
    }

    /// A venue that this version has never heard of is served; a name that is none is an error that the stages count.
    @Test func unknownVenuesAreServedAndMalformedOnesCounted() throws {
        var features = FeatureMarkets()
        func process(_ venue: String) throws -> Bool {
            let topic = try #require(Topic(Array("tick.\(venue).BTCUSDT.trade|".utf8)))
            var trade = ProtoTrade()
            trade.id = 1
            (trade.price, trade.quantity, trade.aggressor) = (100, 5, .buy)
            var envelope = ProtoEnvelope()
            (envelope.epoch, envelope.sequence, envelope.payload) = (1, 1, .trade(trade))
            var reader = EnvelopeReader()
            try reader.read(EnvelopeCodec.encode(envelope).span)
            if case .ignored = try features.process(topic, reader, .first(missed: 0)) { return false }
            return true
        }
        #expect(try process("nova_exchange"))
        #expect(throws: WireError.unknownVenue("Binance-US")) { try process("Binance-US") }
        #expect(WireError.unknownVenue("").kind == "unknown_venue" && features.markets.count == 1)
    }
}
