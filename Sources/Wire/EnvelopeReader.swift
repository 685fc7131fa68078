public import Microstructure

/// Reads envelopes into storage that the next one overwrites.
///
/// What `EnvelopeWriter` writes is read here, without an allocation after warm-up: canonical encodings that
/// `EnvelopeCodec` and the conversions from the generated types would read with the same result. Anything else (other
/// payloads, unknown fields, fields out of order) is left to the generated code.
public struct EnvelopeReader {
    public enum Content: Sendable {
        /// A market event of instrument 0. Its levels, if it is a book, are in `levels`.
        case event(MarketEvent)
        /// A feature vector of instrument 0. Its numbers are in `values`.
        case vector(FeatureHeader)
        /// Any other payload.
        case other(ProtoEnvelope.OneOf_Payload)
        /// The envelope is well-formed, but a field of its payload is not: consumers refuse the payload, yet its
        /// sequence counts.
        case invalid(WireError)
    }

    public private(set) var content = Content.invalid(.missingPayload)
    public private(set) var epoch: UInt64 = 0
    public private(set) var sequence: UInt64 = 0
    public private(set) var sentTime = Timestamp(nanoseconds: 0)
    /// The time that orders a tape: `ProtoEnvelope.receiveTime`.
    public private(set) var receiveTime = Timestamp(nanoseconds: 0)
    /// The decimal scale that a book, quote or trade states.
    public private(set) var exponents: (price: Int8, quantity: Int8)?
    public private(set) var levels: [PriceLevel] = []
    public private(set) var values: [Double] = []
    public private(set) var schemaID: UInt64 = 0
    /// The error bound of the source's clock, as a vector or a status states it.
    public private(set) var clockErrorNanoseconds: Int64?
    private var producerBytes: [UInt8] = []

    public init() {}

    public var producer: String { String(decoding: producerBytes, as: UTF8.self) }

    /// Reads an envelope. O(bytes). Throws what `EnvelopeCodec.decode` throws; the reader's fields then mean nothing.
    public mutating func read(_ bytes: Span<UInt8>) throws(WireError) {
        if !readCanonical(bytes) { try readGenerated(bytes) }
    }

    /// Reads an envelope in the form that `EnvelopeWriter` writes; `false` where the generated code has to decide.
    mutating func readCanonical(_ bytes: Span<UInt8>) -> Bool {
        guard bytes.count <= EnvelopeCodec.byteLimit else { return false }
        let content = bytes.withUnsafeBytes { bytes in FieldCursor(bytes).flatMap { envelope($0) } }
        guard let content, sequence > 0 else { return false }
        self.content = content
        switch content {
        case .event(let event): receiveTime = event.times.receive
        case .vector(let header): receiveTime = header.times.receive
        case .other, .invalid: return false
        }
        return true
    }

    private mutating func readGenerated(_ bytes: Span<UInt8>) throws(WireError) {
        let envelope = try EnvelopeCodec.decode(bytes.withUnsafeBufferPointer { Array($0) })
        (epoch, sequence) = (envelope.epoch, envelope.sequence)
        (sentTime, receiveTime) = (Timestamp(nanoseconds: envelope.sentTimeNs), envelope.receiveTime)
        producerBytes = Array(envelope.producer.utf8)
        (exponents, schemaID, clockErrorNanoseconds) = (nil, 0, nil)
        do throws(WireError) {
            content = try content(of: envelope)
        } catch {
            content = .invalid(error)
        }
    }

    private mutating func content(of envelope: ProtoEnvelope) throws(WireError) -> Content {
        switch envelope.payload {
        case nil: throw .missingPayload
        case .featureVector(let vector):
            values = vector.values
            schemaID = vector.schemaID
            clockErrorNanoseconds = vector.hasClockErrorNs ? vector.clockErrorNs : nil
            return .vector(try FeatureHeader(vector, instrument: InstrumentID(0)))
        case .status(let status):
            clockErrorNanoseconds = status.hasClockErrorNs ? status.clockErrorNs : nil
        case .book, .quote, .trade: exponents = try envelope.exponents()
        case .signal(let signal): return .other(.signal(signal))
        case .detectorState(let state): return .other(.detectorState(state))
        case .featureSchema(let schema): return .other(.featureSchema(schema))
        }
        var batch = EventBatch()
        try batch.append(envelope, as: InstrumentID(0))
        levels = batch.levels
        return .event(batch.events[0])
    }

    // MARK: Messages

    private mutating func envelope(_ fields: FieldCursor) -> Content? {
        var fields = fields
        var content: Content?
        (epoch, sequence, sentTime) = (0, 0, Timestamp(nanoseconds: 0))
        var hasProducer = false
        while !fields.isAtEnd {
            guard let tag = fields.varint() else { return nil }
            switch tag {
            case 1 << 3 | 2:
                guard let text = fields.content(), !hasProducer, takeProducer(text) else { return nil }
                hasProducer = true
            case 2 << 3 | 1:
                guard let value = fields.fixed64() else { return nil }
                epoch = value
            case 3 << 3:
                guard let value = fields.varint() else { return nil }
                sequence = value
            case 4 << 3 | 1:
                guard let value = fields.fixed64() else { return nil }
                sentTime = Timestamp(nanoseconds: Int64(bitPattern: value))
            default:
                // Of two payloads, protobuf would merge them or keep the last.
                guard content == nil, let payload = fields.content() else { return nil }
                content = self.payload(tag, payload)
                guard content != nil else { return nil }
            }
        }
        if !hasProducer { producerBytes.removeAll(keepingCapacity: true) }
        return content
    }

    private mutating func payload(_ tag: UInt64, _ fields: FieldCursor) -> Content? {
        switch tag {
        case 10 << 3 | 2: book(fields)
        case 11 << 3 | 2: quote(fields)
        case 12 << 3 | 2: trade(fields)
        case 14 << 3 | 2: vector(fields)
        default: nil
        }
    }

    private mutating func takeProducer(_ text: FieldCursor) -> Bool {
        if producerBytes.elementsEqual(text.rest) { return true }
        guard String(validating: text.rest, as: UTF8.self) != nil else { return false }
        producerBytes.removeAll(keepingCapacity: true)
        producerBytes.append(contentsOf: text.rest)
        return true
    }

    private mutating func book(_ fields: FieldCursor) -> Content? {
        var (fields, common) = (fields, Common())
        var validity: Validity?
        var (bookEpoch, updateID, tickSize): (UInt64, Int64, Int64) = (0, 0, 0)
        levels.removeAll(keepingCapacity: true)
        // Where the bids end, the asks begin.
        var bids = 0..<0
        var quantityCount = 0
        var last: UInt64 = 0
        while !fields.isAtEnd {
            // Ascending tags: the columns must come in order, and no field twice.
            guard let tag = fields.varint(), tag > last else { return nil }
            last = tag
            switch tag {
            case 1 << 3 | 2:
                guard prices(&fields) else { return nil }
                bids = 0..<levels.count
            case 2 << 3 | 2:
                guard quantities(&fields, of: bids) else { return nil }
                quantityCount += bids.count
            case 3 << 3 | 2: guard prices(&fields) else { return nil }
            case 4 << 3 | 2:
                let asks = bids.upperBound..<levels.count
                guard quantities(&fields, of: asks) else { return nil }
                quantityCount += asks.count
            case 9 << 3:
                guard let value = fields.varint() else { return nil }
                bookEpoch = value
            case 10 << 3:
                guard let value = fields.varint() else { return nil }
                validity = UInt8(exactly: value).flatMap(Validity.init(rawValue:))
            case 11 << 3:
                guard let value = fields.varint() else { return nil }
                updateID = Int64(bitPattern: value)
            case 12 << 3:
                guard let value = fields.zigzag() else { return nil }
                tickSize = value
            default: guard common.take(tag, &fields) else { return nil }
            }
        }
        guard quantityCount == levels.count, let validity, let exponents = common.exponents else { return nil }
        self.exponents = exponents
        return .event(
            .book(
                BookSnapshot(
                    instrument: InstrumentID(0), times: common.times, epoch: bookEpoch, updateID: updateID,
                    validity: validity, tickSize: max(1, tickSize), bids: bids,
                    asks: bids.upperBound..<levels.count)))
    }
    /// Appends the levels of one side, still without their quantities.
    private mutating func prices(_ fields: inout FieldCursor) -> Bool {
        guard var column = fields.content() else { return false }
        let limit = levels.count + ProtoBook.levelLimit
        while !column.isAtEnd {
            guard let price = column.zigzag(), levels.count < limit else { return false }
            levels.append(PriceLevel(price: Price(price), quantity: .zero))
        }
        return true
    }

    /// Reads one quantity for each level of the side.
    private mutating func quantities(_ fields: inout FieldCursor, of side: Range<Int>) -> Bool {
        guard var column = fields.content() else { return false }
        for index in side {
            guard !column.isAtEnd, let quantity = column.zigzag() else { return false }
            levels[index].quantity = Quantity(quantity)
        }
        return column.isAtEnd
    }

    private mutating func quote(_ fields: FieldCursor) -> Content? {
        var (fields, common) = (fields, Common())
        var (bid, ask) = (PriceLevel.none, PriceLevel.none)
        var updateID: Int64 = 0
        var last: UInt64 = 0
        while !fields.isAtEnd {
            guard let tag = fields.varint(), tag > last else { return nil }
            last = tag
            switch tag {
            case 1 << 3:
                guard let value = fields.zigzag() else { return nil }
                bid.price = Price(value)
            case 2 << 3:
                guard let value = fields.zigzag() else { return nil }
                bid.quantity = Quantity(value)
            case 3 << 3:
                guard let value = fields.zigzag() else { return nil }
                ask.price = Price(value)
            case 4 << 3:
                guard let value = fields.zigzag() else { return nil }
                ask.quantity = Quantity(value)
            case 9 << 3:
                guard let value = fields.varint() else { return nil }
                updateID = Int64(bitPattern: value)
            default: guard common.take(tag, &fields) else { return nil }
            }
        }
        guard let exponents = common.exponents else { return nil }
        self.exponents = exponents
        return .event(
            .quote(Quote(instrument: InstrumentID(0), times: common.times, updateID: updateID, bid: bid, ask: ask)))
    }

    private mutating func trade(_ fields: FieldCursor) -> Content? {
        var (fields, common) = (fields, Common())
        var (id, firstID, price, quantity): (Int64, Int64, Int64, Int64) = (0, 0, 0, 0)
        var aggressor: AggressorSide?
        var isBackfilled = false
        var last: UInt64 = 0
        while !fields.isAtEnd {
            guard let tag = fields.varint(), tag > last else { return nil }
            last = tag
            switch tag {
            case 1 << 3:
                guard let value = fields.varint() else { return nil }
                id = Int64(bitPattern: value)
            case 2 << 3:
                guard let value = fields.zigzag() else { return nil }
                price = value
            case 3 << 3:
                guard let value = fields.zigzag() else { return nil }
                quantity = value
            case 4 << 3:
                guard let value = fields.varint() else { return nil }
                aggressor = UInt8(exactly: value).flatMap(AggressorSide.init(rawValue:))
            case 9 << 3:
                guard let value = fields.varint(), value <= 1 else { return nil }
                isBackfilled = value == 1
            case 40 << 3:
                guard let value = fields.varint() else { return nil }
                firstID = Int64(bitPattern: value)
            default: guard common.take(tag, &fields) else { return nil }
            }
        }
        guard let aggressor, firstID == 0 || firstID <= id, let exponents = common.exponents else { return nil }
        self.exponents = exponents
        return .event(
            .trade(
                Trade(
                    instrument: InstrumentID(0), times: common.times, id: id, price: Price(price),
                    quantity: Quantity(quantity), aggressor: aggressor, isBackfilled: isBackfilled,
                    firstID: firstID == 0 ? nil : firstID)))
    }

    private mutating func vector(_ fields: FieldCursor) -> Content? {
        var fields = fields
        var times = EventTimes(venue: Timestamp(nanoseconds: 0), receive: Timestamp(nanoseconds: 0))
        var validity: Validity?
        var bookEpoch: UInt64 = 0
        values.removeAll(keepingCapacity: true)
        (exponents, schemaID, clockErrorNanoseconds) = (nil, 0, nil)
        var last: UInt64 = 0
        while !fields.isAtEnd {
            guard let tag = fields.varint(), tag > last else { return nil }
            last = tag
            switch tag {
            case 2 << 3 | 2: guard takeValues(&fields) else { return nil }
            case 5 << 3:
                guard let value = fields.varint() else { return nil }
                validity = UInt8(exactly: value).flatMap(Validity.init(rawValue:))
            case 6 << 3:
                guard let value = fields.varint() else { return nil }
                bookEpoch = value
            case 8 << 3:
                guard let value = fields.zigzag() else { return nil }
                clockErrorNanoseconds = value
            default:
                guard let value = fields.fixed64() else { return nil }
                switch tag {
                case 1 << 3 | 1: schemaID = value
                case 3 << 3 | 1: times.venue.nanoseconds = Int64(bitPattern: value)
                case 4 << 3 | 1: times.receive.nanoseconds = Int64(bitPattern: value)
                case 7 << 3 | 1: break  // The source's epoch, which no reader of vectors asks for.
                default: return nil
                }
            }
        }
        guard let validity else { return nil }
        return .vector(FeatureHeader(instrument: InstrumentID(0), times: times, epoch: bookEpoch, validity: validity))
    }

    private mutating func takeValues(_ fields: inout FieldCursor) -> Bool {
        guard var column = fields.content(), column.count <= 8 * ProtoFeatureVector.valueLimit else { return false }
        while let bits = column.fixed64() { values.append(Double(bitPattern: bits)) }
        return column.isAtEnd
    }

    /// The fields that books, quotes and trades share, under the same numbers.
    private struct Common {
        private var price: Int64 = 0
        private var quantity: Int64 = 0
        var times = EventTimes(venue: Timestamp(nanoseconds: 0), receive: Timestamp(nanoseconds: 0))

        /// `nil` if outside the range of an instrument.
        var exponents: (price: Int8, quantity: Int8)? {
            guard let price = Int8(exactly: price), Instrument.exponentRange.contains(price),
                let quantity = Int8(exactly: quantity), Instrument.exponentRange.contains(quantity)
            else { return nil }
            return (price, quantity)
        }

        mutating func take(_ tag: UInt64, _ fields: inout FieldCursor) -> Bool {
            switch tag {
            case 5 << 3:
                guard let value = fields.zigzag() else { return false }
                price = value
            case 6 << 3:
                guard let value = fields.zigzag() else { return false }
                quantity = value
            case 7 << 3 | 1:
                guard let value = fields.fixed64() else { return false }
                times.venue.nanoseconds = Int64(bitPattern: value)
            case 8 << 3 | 1:
                guard let value = fields.fixed64() else { return false }
                times.receive.nanoseconds = Int64(bitPattern: value)
            default: return false
            }
            return true
        }
    }
}

extension PriceLevel {
    fileprivate static let none = PriceLevel(price: Price(0), quantity: .zero)
}
