import Detection
import Microstructure
import SwiftProtobuf
import TestSupport
import Testing

@testable import Wire

/// The writer and the reader of the hot path against the generated types, which are the contract.
@Suite struct EnvelopeStorageTests {
    /// Random content, with every field now and then zero, negative and extreme.
    private struct Sample {
        var random: SplitMix64

        mutating func number() -> Int64 {
            switch Int.random(in: 0..<6, using: &random) {
            case 0: 0
            case 1: [.min, .max, -1, 1].randomElement(using: &random)!
            case 2: Int64.random(in: .min ... .max, using: &random)
            case 3: Int64.random(in: -200...200, using: &random)
            default: Int64.random(in: 0...9_000_000_000, using: &random)
            }
        }

        mutating func unsigned() -> UInt64 { UInt64(bitPattern: number()) }
        mutating func exponent() -> Int8 { Int8.random(in: Instrument.exponentRange, using: &random) }
        mutating func validity() -> Validity { Validity.allCases.randomElement(using: &random)! }

        mutating func times() -> EventTimes {
            EventTimes(venue: Timestamp(nanoseconds: number()), receive: Timestamp(nanoseconds: number()))
        }

        mutating func level() -> PriceLevel { PriceLevel(price: Price(number()), quantity: Quantity(number())) }

        mutating func instrument() -> Instrument {
            Instrument(
                venue: .binance, symbol: "BTCUSDT", priceExponent: exponent(), quantityExponent: exponent(),
                tickSize: Int64.random(in: 1...1_000_000, using: &random))
        }

        mutating func trade() -> Trade {
            let id = number()
            // What would be read as no first id, or refused, is not written.
            let first = [id, id, 1, -1, Int64.random(in: .min...id, using: &random)].randomElement(using: &random)!
            return Trade(
                instrument: InstrumentID(0), times: times(), id: id, price: Price(number()),
                quantity: Quantity(number()), aggressor: Bool.random(using: &random) ? .buy : .sell,
                isBackfilled: Bool.random(using: &random), firstID: first == 0 || first > id ? id : first)
        }

        /// A book after some levels that are not its own, as in a batch of several.
        mutating func book() -> (update: BookSnapshot, levels: [PriceLevel]) {
            let counts = (0..<3).map { _ in
                Int.random(in: 0...([0, 3, 40].randomElement(using: &random)!), using: &random)
            }
            let levels = (0..<counts.reduce(0, +)).map { _ in level() }
            let update = BookSnapshot(
                instrument: InstrumentID(0), times: times(), epoch: unsigned(), updateID: number(),
                validity: validity(),
                bids: counts[0]..<counts[0] + counts[1], asks: counts[0] + counts[1]..<levels.count)
            return (update, levels)
        }

        mutating func values() -> [Double] {
            (0..<Int.random(in: 0...70, using: &random)).map { _ in Double(bitPattern: unsigned()) }
        }
    }

    /// A writer and what it writes, beside the generated types with the same content.
    private struct Press: ~Copyable {
        var sample: Sample
        private var envelope = ProtoEnvelope()
        private var writer = EnvelopeWriter(producer: "", epoch: 0)

        init(_ sample: Sample) { self.sample = sample }

        mutating func messages() -> [(written: [UInt8], envelope: ProtoEnvelope)] {
            changeHead()
            let instrument = sample.instrument()
            let (update, levels) = sample.book()
            let quote = Quote(
                instrument: InstrumentID(0), times: sample.times(), updateID: sample.number(), bid: sample.level(),
                ask: sample.level())
            let trade = sample.trade()
            return [
                written(.book(ProtoBook(update, levels: levels.span, instrument: instrument))) {
                    $0.write(update, levels: levels.span, instrument: instrument)
                },
                written(.quote(ProtoQuote(quote, instrument: instrument))) { $0.write(quote, instrument: instrument) },
                written(.trade(ProtoTrade(trade, instrument: instrument))) { $0.write(trade, instrument: instrument) },
                vector(),
            ]
        }

        private mutating func vector() -> (written: [UInt8], envelope: ProtoEnvelope) {
            let header = FeatureHeader(
                instrument: InstrumentID(0), times: sample.times(), epoch: sample.unsigned(),
                validity: sample.validity())
            let (values, schema, source) = (sample.values(), sample.unsigned(), sample.unsigned())
            let clockError = Bool.random(using: &sample.random) ? sample.number() : nil
            var vector = ProtoFeatureVector(header, values: values, schema: schema, sourceEpoch: source)
            if let clockError { vector.clockErrorNs = clockError }
            return written(.featureVector(vector)) {
                $0.write(
                    header, values: values.span, schema: schema, sourceEpoch: source,
                    clockErrorNanoseconds: clockError)
            }
        }

        private mutating func changeHead() {
            // Now and then another producer, which is another writer; mostly one whose memory is used again.
            if Int.random(in: 0..<4, using: &sample.random) == 0 {
                envelope.producer = ["", "features", "ingest-ÄÖ+333"].randomElement(using: &sample.random)!
                envelope.epoch = sample.unsigned()
                writer = EnvelopeWriter(producer: envelope.producer, epoch: envelope.epoch)
            }
            envelope.sequence = max(1, sample.unsigned())
            envelope.sentTimeNs = sample.number()
            writer.sequence = envelope.sequence
            writer.sentTime = Timestamp(nanoseconds: envelope.sentTimeNs)
        }

        private mutating func written(
            _ payload: ProtoEnvelope.OneOf_Payload, _ write: (inout EnvelopeWriter) -> Void
        ) -> (written: [UInt8], envelope: ProtoEnvelope) {
            write(&writer)
            envelope.payload = payload
            return (writer.withBytes { $0.withUnsafeBytes { Array($0) } }, envelope)
        }
    }

    @Test(arguments: testSeeds) func writesWhatTheGeneratedTypesWrite(seed: UInt64) {
        var press = Press(Sample(random: SplitMix64(testSeed: seed)))
        for _ in 0..<2_000 {
            for (written, envelope) in press.messages() where written != EnvelopeCodec.encode(envelope) {
                Issue.record("\(envelope) is written as \(written)")
                return
            }
        }
    }

    @Test(arguments: testSeeds) func readsWhatTheGeneratedTypesRead(seed: UInt64) {
        var press = Press(Sample(random: SplitMix64(testSeed: seed)))
        var reader = EnvelopeReader()
        for _ in 0..<2_000 {
            for (written, _) in press.messages() {
                guard expectSame(&reader, written) == true else {
                    Issue.record("not taken: \(written)")
                    return
                }
            }
        }
    }

    /// Truncated, extended, changed, out of order, doubled: what the reader takes, the generated code takes to be the same.
    @Test(arguments: testSeeds) func readsNothingThatTheGeneratedTypesReadOtherwise(seed: UInt64) throws {
        var press = Press(Sample(random: SplitMix64(testSeed: seed)))
        var reader = EnvelopeReader()
        var (taken, left) = (0, 0)
        for _ in 0..<400 {
            for (written, envelope) in press.messages() {
                for _ in 0..<20 {
                    var bytes = written
                    func place() -> Int { Int.random(in: 0...bytes.count, using: &press.sample.random) }
                    switch Int.random(in: 0..<5, using: &press.sample.random) {
                    case 0: bytes.removeLast(place())
                    case 1: bytes += EnvelopeCodec.encode(envelope)
                    case 2: bytes.insert(UInt8.random(in: 0...255, using: &press.sample.random), at: place())
                    case 3 where !bytes.isEmpty: bytes.remove(at: min(place(), bytes.count - 1))
                    default: bytes[min(place(), bytes.count - 1)] = .random(in: 0...255, using: &press.sample.random)
                    }
                    switch expectSame(&reader, bytes) {
                    case true?: taken += 1
                    case false?: left += 1
                    case nil:
                        Issue.record("read otherwise: \(bytes)")
                        return
                    }
                }
            }
        }
        print("reader fuzz, seed \(seed): \(taken) taken, \(left) left to the generated code")
        #expect(taken > 1_000 && left > 1_000)
    }

    /// Whatever the generated code has to read arrives in the same storage: `next` exists once for all messages.
    @Test(arguments: testSeeds) func theGeneratedTypesFillTheSameStorage(seed: UInt64) throws {
        var press = Press(Sample(random: SplitMix64(testSeed: seed)))
        var (canonical, generated) = (EnvelopeReader(), EnvelopeReader())
        // Field 1,000, which no version knows.
        let unknown: [UInt8] = [0xC0, 0x3E, 1]
        for _ in 0..<200 {
            for (written, _) in press.messages() {
                let isTaken = canonical.readCanonical(written.span)
                let isTakenWithMore = generated.readCanonical((written + unknown).span)
                #expect(isTaken && !isTakenWithMore)
                try generated.read((written + unknown).span)
                #expect(canonical.epoch == generated.epoch && canonical.sequence == generated.sequence)
                #expect(canonical.sentTime == generated.sentTime && canonical.receiveTime == generated.receiveTime)
                #expect(canonical.producer == generated.producer)
                switch (canonical.content, generated.content) {
                case (.event(let one), .event(let other)):
                    #expect(one == other && canonical.exponents ?? (99, 99) == generated.exponents ?? (98, 98))
                    if case .book = one { #expect(canonical.levels == generated.levels) }
                case (.vector(let one), .vector(let other)):
                    #expect(one == other && canonical.schemaID == generated.schemaID)
                    #expect(canonical.values.map(\.bitPattern) == generated.values.map(\.bitPattern))
                    #expect(canonical.clockErrorNanoseconds == generated.clockErrorNanoseconds)
                default: Issue.record("\(canonical.content) against \(generated.content)")
                }
            }
        }
    }

    @Test func leavesTheRestToTheGeneratedTypes() throws {
        var envelope = ProtoEnvelope()
        (envelope.sequence, envelope.sentTimeNs) = (1, 5)
        var reader = EnvelopeReader()
        func content(_ payload: ProtoEnvelope.OneOf_Payload) throws -> EnvelopeReader.Content {
            envelope.payload = payload
            try reader.read(EnvelopeCodec.encode(envelope).span)
            return reader.content
        }
        var status = ProtoStatus(validity: .valid, bookEpoch: 7)
        (status.receiveTimeNs, status.clockErrorNs) = (3, 11)
        guard case .event(.heartbeat(let heartbeat)) = try content(.status(status)) else {
            Issue.record("a status is read as \(reader.content)")
            return
        }
        #expect(heartbeat.epoch == 7 && reader.receiveTime.nanoseconds == 3 && reader.clockErrorNanoseconds == 11)
        #expect(reader.exponents == nil)
        guard case .other(.signal) = try content(.signal(ProtoSignal())) else {
            Issue.record("a signal is read as \(reader.content)")
            return
        }
        var vector = ProtoFeatureVector()
        vector.validity = .valid
        vector.values = Array(repeating: 0, count: ProtoFeatureVector.valueLimit + 1)
        for payload: ProtoEnvelope.OneOf_Payload in [
            .status(ProtoStatus()), .book(ProtoBook()), .trade(ProtoTrade()), .featureVector(ProtoFeatureVector()),
            .featureVector(vector),
        ] {
            guard case .invalid(.invalidField) = try content(payload) else {
                Issue.record("\(payload) is read as \(reader.content)")
                return
            }
            #expect(reader.sequence == 1)
        }
        guard case .event(.quote) = try content(.quote(ProtoQuote())) else {
            Issue.record("a quote is read as \(reader.content)")
            return
        }
        envelope.sequence = 0
        #expect(throws: WireError.invalidField("sequence")) { try content(.quote(ProtoQuote())) }
        func read(_ bytes: [UInt8]) throws { try reader.read(bytes.span) }
        #expect(throws: WireError.missingPayload) { try read([]) }
        #expect(throws: WireError.malformed) { try read([0xFF]) }
    }

    /// `true` where the reader takes `bytes` and the generated types read the same from them, `false` where it leaves them
    /// to the generated types, `nil` where the two read different things.
    private func expectSame(_ reader: inout EnvelopeReader, _ bytes: [UInt8]) -> Bool? {
        guard reader.readCanonical(bytes.span) else { return false }
        guard let envelope = try? EnvelopeCodec.decode(bytes), envelope.epoch == reader.epoch,
            envelope.sequence == reader.sequence, envelope.sentTimeNs == reader.sentTime.nanoseconds,
            envelope.producer == reader.producer
        else { return nil }
        switch reader.content {
        case .event(let event):
            var batch = EventBatch()
            guard (try? batch.append(envelope, as: InstrumentID(0))) == true, let exponents = try? envelope.exponents(),
                exponents == reader.exponents ?? (99, 99), batch.events == [event]
            else { return nil }
            if case .book = event, batch.levels != reader.levels { return nil }
            return true
        case .vector(let header):
            guard case .featureVector(let vector) = envelope.payload, vector.schemaID == reader.schemaID,
                (try? FeatureHeader(vector, instrument: InstrumentID(0))) == header,
                vector.values.map(\.bitPattern) == reader.values.map(\.bitPattern),
                (vector.hasClockErrorNs ? vector.clockErrorNs : nil) == reader.clockErrorNanoseconds
            else { return nil }
            return true
        case .other, .invalid: return nil
        }
    }
}
