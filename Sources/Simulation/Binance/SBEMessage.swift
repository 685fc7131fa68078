import Microstructure

/// Writes one binary message of Binance's spot market: header, block, groups and symbol, all little endian.
///
/// Source: Binance spot, SBE market data streams, schema 1:0 (`stream_1_0.xml`), 2026-08.
struct SBEMessage {
    enum Template: UInt16 {
        case trades = 10_000
        case bestBidAsk = 10_001
        case depth = 10_003

        var blockLength: Int {
            switch self {
            case .trades: 18
            case .bestBidAsk: 50
            case .depth: 26
            }
        }
    }

    static let headerLength = 8
    static let levelLength = 16
    static let tradeLength = 25
    private static let schema: UInt16 = 1

    private(set) var bytes: [UInt8] = []

    init(_ template: Template, reserving count: Int) {
        bytes.reserveCapacity(Self.headerLength + template.blockLength + count)
        for number in [UInt16(template.blockLength), template.rawValue, Self.schema, 0] { append(number) }
    }

    mutating func append(_ number: some FixedWidthInteger) {
        withUnsafeBytes(of: number.littleEndian) { bytes.append(contentsOf: $0) }
    }

    /// A group of levels, at most 65,535.
    mutating func append(_ levels: [PriceLevel]) {
        append(UInt16(Self.levelLength))
        append(UInt16(clamping: levels.count))
        for level in levels.prefix(Int(UInt16.max)) { append(level) }
    }

    mutating func append(_ level: PriceLevel) {
        append(level.price.mantissa)
        append(level.quantity.mantissa)
    }

    /// A symbol of at most 255 bytes: the end of a message.
    mutating func append(symbol: [UInt8]) {
        append(UInt8(symbol.count))
        bytes.append(contentsOf: symbol)
    }
}

/// Where the parts of a message are that `SBEMessage` has written.
struct SBELayout {
    static let eventTime = SBEMessage.headerLength
    /// Of trades: when they happened; of depth: the first update id; of a quote: its update id.
    static let second = eventTime + 8
    /// Of depth: the last update id.
    static let third = eventTime + 16

    let template: SBEMessage.Template
    /// Where the exponents of prices and sizes are.
    let exponents: Int
    /// Where the prices are, and how far each is from its size: 8 bytes.
    let prices: [Int]
    /// Where the bids' header begins, of depth; where the trades' does.
    let group: Int
    /// Bids, or trades.
    let count: Int

    /// `nil` for bytes that are no such message.
    init?(_ bytes: [UInt8]) {
        guard bytes.count > SBEMessage.headerLength,
            let template = SBEMessage.Template(rawValue: Self.integer(bytes, 2))
        else { return nil }
        self.template = template
        let group = SBEMessage.headerLength + template.blockLength
        self.group = group
        guard bytes.count > group else { return nil }
        switch template {
        case .trades:
            exponents = Self.third
            let count = Int(Self.integer(bytes, group + 2) as UInt32)
            let start = group + 6
            self.count = count
            prices = (0..<count).map { start + $0 * SBEMessage.tradeLength + 8 }
        case .bestBidAsk:
            exponents = Self.third
            count = 0
            prices = [Self.third + 2, Self.third + 18]
        case .depth:
            exponents = Self.third + 8
            let bids = Int(Self.integer(bytes, group + 2) as UInt16)
            let askGroup = group + 4 + bids * SBEMessage.levelLength
            let asks = Int(Self.integer(bytes, askGroup + 2) as UInt16)
            count = bids
            let length = SBEMessage.levelLength
            prices = (0..<bids).map { group + 4 + $0 * length } + (0..<asks).map { askGroup + 4 + $0 * length }
        }
    }

    static func integer<Number: FixedWidthInteger>(_ bytes: [UInt8], _ offset: Int) -> Number {
        guard offset + MemoryLayout<Number>.size <= bytes.count else { return 0 }
        return bytes.withUnsafeBytes { Number(littleEndian: $0.loadUnaligned(fromByteOffset: offset, as: Number.self)) }
    }

    static func replace(_ bytes: inout [UInt8], at offset: Int, with number: some FixedWidthInteger) {
        withUnsafeBytes(of: number.littleEndian) {
            bytes.replaceSubrange(offset..<offset + $0.count, with: $0)
        }
    }
}
