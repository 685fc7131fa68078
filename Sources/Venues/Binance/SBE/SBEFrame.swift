import Microstructure

/// One binary frame of the spot market's streams: its parts are located and lie within its bytes; nothing is decoded.
///
/// A frame is a header, a block of fields, groups of entries and the symbol, all little endian. Parts end where the
/// lengths on the wire say, so a later version of the schema with longer blocks is read too. Any bytes are safe: every
/// length is checked against the bytes that are there.
///
/// Source: Binance spot, SBE market data streams, schema 1:0 (`stream_1_0.xml`), 2026-08.
struct SBEFrame {
    /// The messages of the schema, each named after its stream.
    enum Template: UInt16 {
        case trades = 10_000
        case bestBidAsk = 10_001
        case depth20 = 10_002
        case depth = 10_003

        /// Bytes of the block in version 0; a later block is longer.
        var blockLength: Int {
            switch self {
            case .trades, .depth20: 18
            case .bestBidAsk: 50
            case .depth: 26
            }
        }

        var payload: PayloadKind {
            switch self {
            case .trades: .trade
            case .bestBidAsk: .quote
            case .depth20, .depth: .depthUpdate
            }
        }
    }

    /// Entries of equal length, one after another.
    struct Group {
        var start = 0
        var entryLength = 0
        var count = 0

        /// Where the entry begins. Requires `entry < count`.
        @inline(__always)
        func offset(of entry: Int) -> Int { start &+ entry &* entryLength }
    }

    static let schema: UInt16 = 1
    private static let headerLength = 8
    private static let tradeLength = 25
    private static let levelLength = 16

    let template: Template
    private let bytes: UnsafeRawBufferPointer
    /// Where the fields begin.
    private let block = SBEFrame.headerLength
    /// Trades; for depth the bids.
    private(set) var entries = Group()
    private(set) var asks = Group()
    private let symbolRange: Range<Int>

    /// Locates the parts; `nil` for a message that is not of these four.
    init?(_ frame: UnsafeBufferPointer<UInt8>) throws(ScanError) {
        bytes = UnsafeRawBufferPointer(frame)
        let end = bytes.count
        guard end >= Self.headerLength else { throw ScanError(.truncated, at: end) }
        // Four numbers of 16 bits: block length, template, schema, version.
        let header = UInt64(littleEndian: bytes.loadUnaligned(as: UInt64.self))
        guard UInt16(truncatingIfNeeded: header >> 32) == Self.schema,
            let template = Template(rawValue: UInt16(truncatingIfNeeded: header >> 16))
        else { return nil }
        self.template = template
        let blockLength = Int(header & 0xFFFF)
        guard blockLength >= template.blockLength else { throw ScanError(.missingField, at: 0) }
        var place = Self.headerLength &+ blockLength
        guard place <= end else { throw ScanError(.truncated, at: end) }
        switch template {
        case .trades: entries = try Self.group(bytes, &place, counted: UInt32.self, atLeast: Self.tradeLength)
        case .bestBidAsk: break
        case .depth20, .depth:
            entries = try Self.group(bytes, &place, counted: UInt16.self, atLeast: Self.levelLength)
            asks = try Self.group(bytes, &place, counted: UInt16.self, atLeast: Self.levelLength)
        }
        guard place < end else { throw ScanError(.truncated, at: end) }
        let symbolEnd = place &+ 1 &+ Int(bytes[place])
        guard symbolEnd <= end else { throw ScanError(.truncated, at: end) }
        symbolRange = place &+ 1..<symbolEnd
        // A later version may append parts.
        guard symbolEnd == end || header >> 48 > 0 else { throw ScanError(.numberOutOfRange, at: symbolEnd) }
    }

    /// A group's header: the length of an entry, and their number. Moves `place`, which lies within the bytes or at their
    /// end, behind the group.
    @inline(__always)
    private static func group<Count: FixedWidthInteger & BitwiseCopyable>(
        _ bytes: UnsafeRawBufferPointer, _ place: inout Int, counted: Count.Type, atLeast length: Int
    ) throws(ScanError) -> Group {
        let start = place &+ 2 &+ MemoryLayout<Count>.size
        guard start <= bytes.count else { throw ScanError(.truncated, at: bytes.count) }
        let entryLength = Int(UInt16(littleEndian: bytes.loadUnaligned(fromByteOffset: place, as: UInt16.self)))
        let count = Int(Count(littleEndian: bytes.loadUnaligned(fromByteOffset: place &+ 2, as: Count.self)))
        guard count == 0 || entryLength >= length else { throw ScanError(.missingField, at: place) }
        // Below 2¹⁶ · 2³².
        let size = entryLength &* count
        guard size <= bytes.count &- start else { throw ScanError(.truncated, at: bytes.count) }
        place = start &+ size
        return Group(start: start, entryLength: entryLength, count: count)
    }

    /// The bytes of the symbol.
    var symbol: UnsafeBufferPointer<UInt8> {
        UnsafeRawBufferPointer(rebasing: bytes[symbolRange]).assumingMemoryBound(to: UInt8.self)
    }

    // MARK: Fields, by offset in their block

    /// Requires that the field lies within the frame, as all below do by the lengths checked above.
    @inline(__always)
    private func integer(at offset: Int) -> Int64 {
        Int64(littleEndian: bytes.loadUnaligned(fromByteOffset: offset, as: Int64.self))
    }

    /// An id from 0 to `Int64.max − 1`, so that its successor exists.
    private func identifier(at offset: Int) throws(ScanError) -> Int64 {
        let value = integer(at: offset)
        guard value >= 0, value < .max else { throw ScanError(.numberOutOfRange, at: offset) }
        return value
    }

    private func time(at offset: Int) throws(ScanError) -> Timestamp {
        guard let time = VenueTimeUnit.microseconds.timestamp(integer(at: offset)) else {
            throw ScanError(.numberOutOfRange, at: offset)
        }
        return time
    }

    /// How the message's prices and sizes become those of the instrument.
    private func scales(at offset: Int, for scale: PriceScale) -> (price: SBEScale, quantity: SBEScale) {
        (
            SBEScale(from: Int8(bitPattern: bytes[offset]), to: scale.price),
            SBEScale(from: Int8(bitPattern: bytes[offset + 1]), to: scale.quantity)
        )
    }

    /// A price or size of at least `minimum`, which is 0 or 1.
    @inline(__always)
    private func units(at offset: Int, _ scale: SBEScale, atLeast minimum: Int64) throws(ScanError) -> Int64 {
        let mantissa = integer(at: offset)
        // Also what the schema calls null, the least number.
        guard mantissa >= minimum else { throw ScanError(.numberOutOfRange, at: offset) }
        return try scale.units(of: mantissa, at: offset)
    }

    // MARK: Messages

    /// A depth update, its levels in the arrays.
    func depth(
        of scale: PriceScale, at time: Timestamp, bids: inout [PriceLevel], asks: inout [PriceLevel]
    ) throws(ScanError) -> DepthHeader {
        let header = DepthHeader(
            first: try identifier(at: block + 8), last: try identifier(at: block + 16),
            times: EventTimes(venue: try self.time(at: block), receive: time))
        guard header.first <= header.last else { throw ScanError(.numberOutOfRange, at: block + 16) }
        let scales = scales(at: block + 24, for: scale)
        try levels(entries, scales, into: &bids)
        try levels(self.asks, scales, into: &asks)
        return header
    }

    private func levels(
        _ group: Group, _ scales: (price: SBEScale, quantity: SBEScale), into levels: inout [PriceLevel]
    ) throws(ScanError) {
        levels.removeAll(keepingCapacity: true)
        for entry in 0..<group.count {
            let offset = group.offset(of: entry)
            let price = try units(at: offset, scales.price, atLeast: 1)
            let quantity = try units(at: offset &+ 8, scales.quantity, atLeast: 0)
            levels.append(PriceLevel(price: Price(price), quantity: Quantity(quantity)))
        }
    }

    /// Trades of one message happened at one time; their ids are their own.
    func trade(
        _ entry: Int, of instrument: InstrumentID, _ scale: PriceScale, at time: Timestamp
    ) throws(ScanError) -> Trade {
        let scales = scales(at: block + 16, for: scale)
        let venueTime = try self.time(at: block + 8)
        let offset = entries.offset(of: entry)
        let isBuyerMaker = bytes[offset + 24]
        guard isBuyerMaker <= 1 else { throw ScanError(.wrongType, at: offset + 24) }
        return Trade(
            instrument: instrument, times: EventTimes(venue: venueTime, receive: time), id: try identifier(at: offset),
            price: Price(try units(at: offset + 8, scales.price, atLeast: 1)),
            quantity: Quantity(try units(at: offset + 16, scales.quantity, atLeast: 1)),
            aggressor: isBuyerMaker == 1 ? .sell : .buy)
    }

    /// A side without orders has price and size 0.
    func quote(of instrument: InstrumentID, _ scale: PriceScale, at time: Timestamp) throws(ScanError) -> Quote {
        let scales = scales(at: block + 16, for: scale)
        func level(at offset: Int) throws(ScanError) -> PriceLevel {
            PriceLevel(
                price: Price(try units(at: offset, scales.price, atLeast: 0)),
                quantity: Quantity(try units(at: offset + 8, scales.quantity, atLeast: 0)))
        }
        return Quote(
            instrument: instrument, times: EventTimes(venue: try self.time(at: block), receive: time),
            updateID: try identifier(at: block + 8), bid: try level(at: block + 18), ask: try level(at: block + 34))
    }
}
