import Detection
import Microstructure
import SwiftProtobuf
import TestSupport
import Testing

@testable import Wire

private let instrument = Instrument(
    venue: .binance, symbol: "BTCUSDT", priceExponent: -2, quantityExponent: -5, tickSize: 1, lotSize: 1)
private let times = EventTimes(
    venue: Timestamp(nanoseconds: 1_723_161_255_208_000_000), receive: Timestamp(nanoseconds: 1_723_161_253_937_085_768)
)

private func bookEnvelope() -> ProtoEnvelope {
    var batch = EventBatch()
    var book = OrderBook()
    for step in 0..<20 {
        book.setBid(Price(6_183_763 - Int64(step)), to: Quantity(100 + Int64(step)))
        book.setAsk(Price(6_183_764 + Int64(step)), to: Quantity(200 + Int64(step)))
    }
    book.commit(updateID: 50_093_239_202)
    batch.append(
        book: book, depth: 20, instrument: InstrumentID(0), tickSize: 1, times: times, epoch: 7, validity: .valid)
    guard case .book(let update) = batch.events[0] else { preconditionFailure("a book was appended") }
    return envelope(.book(ProtoBook(update, levels: batch.levels.span, instrument: instrument)))
}

private func envelope(_ payload: ProtoEnvelope.OneOf_Payload) -> ProtoEnvelope {
    var envelope = ProtoEnvelope()
    envelope.producer = "ingest-BTCUSDT"
    envelope.epoch = 1
    envelope.sequence = 1
    envelope.payload = payload
    return envelope
}

@Suite struct EnvelopeTests {
    @Test func aBookComesBackAsItWas() throws {
        let bytes = EnvelopeCodec.encode(bookEnvelope())
        var batch = EventBatch()
        try batch.append(try EnvelopeCodec.decode(bytes), as: InstrumentID(3))
        guard case .book(let update) = try #require(batch.events.first) else {
            Issue.record("no book")
            return
        }
        #expect(update.instrument == InstrumentID(3))
        #expect(update.times == times)
        #expect(update.epoch == 7)
        #expect(update.updateID == 50_093_239_202)
        #expect(update.validity == .valid)
        #expect(batch.levels[update.bids].map(\.price.mantissa) == (0..<20).map { 6_183_763 - $0 })
        #expect(batch.levels[update.asks].map(\.quantity.mantissa) == (0..<20).map { 200 + $0 })
    }

    @Test func aTradeAndAQuoteComeBackAsTheyWere() throws {
        let trade = Trade(
            instrument: InstrumentID(0), times: times, id: 9, price: Price(6_183_763), quantity: Quantity(2_000),
            aggressor: .sell, isBackfilled: true)
        let quote = Quote(
            instrument: InstrumentID(0), times: times, updateID: 5,
            bid: PriceLevel(price: Price(1), quantity: Quantity(2)),
            ask: PriceLevel(price: Price(3), quantity: Quantity(4)))
        var batch = EventBatch()
        for payload in [
            ProtoEnvelope.OneOf_Payload.trade(ProtoTrade(trade, instrument: instrument)),
            .quote(ProtoQuote(quote, instrument: instrument)),
        ] {
            let read = try EnvelopeCodec.decode(EnvelopeCodec.encode(envelope(payload)))
            #expect(try #require(try read.exponents()) == (-2, -5))
            try batch.append(read, as: InstrumentID(0))
        }
        #expect(batch.events == [.trade(trade), .quote(quote)])
    }

    @Test func aFeatureVectorKeepsEveryBit() throws {
        let values = [1.5, .nan, -.infinity, 5e-324, -0.0]
        let header = FeatureHeader(instrument: InstrumentID(0), times: times, epoch: 3, validity: .stale)
        let message = ProtoFeatureVector(header, values: values, schema: 42, sourceEpoch: 8)
        let read = try EnvelopeCodec.decode(EnvelopeCodec.encode(envelope(.featureVector(message))))
        guard case .featureVector(let vector) = read.payload else {
            Issue.record("no vector")
            return
        }
        #expect(vector.values.map(\.bitPattern) == values.map(\.bitPattern))
        #expect(try FeatureHeader(vector, instrument: InstrumentID(0)) == header)
    }

    @Test func refusesWhatALaterStageWouldTrust() {
        func error(_ change: (inout ProtoEnvelope) -> Void) -> WireError? {
            var message = bookEnvelope()
            change(&message)
            do {
                let read = try EnvelopeCodec.decode(EnvelopeCodec.encode(message))
                _ = try read.exponents()
                var batch = EventBatch()
                try batch.append(read, as: InstrumentID(0))
                return nil
            } catch { return error as? WireError }
        }
        #expect(error { _ in } == nil)
        #expect(error { $0.sequence = 0 } == .invalidField("sequence"))
        #expect(error { $0.payload = nil } == .missingPayload)
        #expect(error { $0.book.bidPrices.removeLast() } == .invalidField("bid columns"))
        #expect(error { $0.book.askQuantities.append(1) } == .invalidField("ask columns"))
        #expect(error { $0.book.validity = .unspecified } == .invalidField("validity"))
        #expect(error { $0.book.validity = .UNRECOGNIZED(9) } == .invalidField("validity"))
        #expect(error { $0.book.priceExponent = -19 } == .invalidField("price_exponent"))
        #expect(error { $0.book.quantityExponent = .max } == .invalidField("quantity_exponent"))
        #expect(error { $0.trade = ProtoTrade() } == .invalidField("aggressor"))
        let tooMany = [Int64](repeating: 1, count: ProtoBook.levelLimit + 1)
        #expect(
            error {
                $0.book.bidPrices = tooMany
                $0.book.bidQuantities = tooMany
            } == .invalidField("bid columns"))
        let bytes = [UInt8](repeating: 0, count: EnvelopeCodec.byteLimit + 1)
        #expect(throws: WireError.tooLarge(bytes: bytes.count, limit: EnvelopeCodec.byteLimit)) {
            try EnvelopeCodec.decode(bytes)
        }
    }

    /// Every truncation and 100,000 random byte flips: refused by kind or read, never a trap.
    @Test func fuzz() {
        var random = SplitMix64(testSeed: testSeed)
        func next(_ bound: Int) -> Int { random.index(below: bound) }
        let frame = EnvelopeCodec.encode(bookEnvelope())
        var outcomes: [String: Int] = [:]
        func read(_ bytes: [UInt8]) {
            var outcome = "read"
            do {
                let envelope = try EnvelopeCodec.decode(bytes)
                _ = try envelope.exponents()
                var batch = EventBatch()
                try batch.append(envelope, as: InstrumentID(0))
            } catch { outcome = (error as? WireError)?.kind ?? "\(error)" }
            outcomes[outcome, default: 0] += 1
        }
        for length in 0..<frame.count { read(Array(frame[..<length])) }
        for _ in 0..<100_000 {
            var bytes = frame
            for _ in 0...next(3) { bytes[next(bytes.count)] = UInt8(next(256)) }
            read(bytes)
        }
        print("protobuf fuzz: \(outcomes.sorted { $0.key < $1.key })")
        #expect(outcomes.values.reduce(0, +) == frame.count + 100_000)
        #expect(Set(outcomes.keys).isSubset(of: ["read", "malformed", "missing_payload", "invalid_field"]))
        #expect((outcomes["malformed"] ?? 0) > 0 && (outcomes["invalid_field"] ?? 0) > 0)
    }
}
