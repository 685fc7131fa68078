/// The order book of a recorded exchange. Prices are in 10⁻⁸; sizes keep the exchange's own text, so coins of tiny
/// value cannot overflow and spellings do not change.
struct BinanceCaptureBook: Sendable, Equatable {
    /// Most levels kept a side. Above it, the tenth of the levels furthest from the best price is dropped.
    static let levelLimit = 50_000

    private(set) var bids: [Int64: [UInt8]] = [:]
    private(set) var asks: [Int64: [UInt8]] = [:]
    /// Id of the last change in the book.
    private(set) var updateID: Int64

    /// Reads a recorded `{"lastUpdateId":…,"bids":[["p","q"],…],"asks":…}`; `nil` for anything else.
    init?(snapshot bytes: [UInt8]) {
        guard let members = JSONText.members(of: bytes, in: 0..<bytes.count) else { return nil }
        guard let idRange = JSONText.value("lastUpdateId", of: members, in: bytes),
            let id = DecimalText.integer(bytes, idRange),
            let bidRange = JSONText.value("bids", of: members, in: bytes),
            let askRange = JSONText.value("asks", of: members, in: bytes)
        else { return nil }
        updateID = id
        guard Self.apply(bytes, bidRange, to: &bids), Self.apply(bytes, askRange, to: &asks) else { return nil }
    }

    /// Sets the levels of a depth event; `false` where they cannot be read.
    mutating func apply(_ line: BinanceCaptureLine, _ frame: BinanceCaptureLine.Frame) -> Bool {
        guard let last = frame["u"], Self.apply(line.bytes, frame.bids, to: &bids),
            Self.apply(line.bytes, frame.asks, to: &asks)
        else { return false }
        updateID = last
        if bids.count > Self.levelLimit { Self.trim(&bids, keepingHighest: true) }
        if asks.count > Self.levelLimit { Self.trim(&asks, keepingHighest: false) }
        return true
    }

    private static func apply(_ bytes: [UInt8], _ range: Range<Int>, to side: inout [Int64: [UInt8]]) -> Bool {
        JSONText.forEachLevel(of: bytes, in: range) { price, size in
            guard let key = DecimalText.parse(bytes, price) else { return false }
            let isZero = bytes[size].allSatisfy { $0 == UInt8(ascii: "0") || $0 == UInt8(ascii: ".") }
            side[key] = isZero ? nil : Array(bytes[size])
            return true
        }
    }

    private static func trim(_ side: inout [Int64: [UInt8]], keepingHighest: Bool) {
        let prices = side.keys.sorted(by: keepingHighest ? { $0 > $1 } : { $0 < $1 })
        for price in prices[(levelLimit - levelLimit / 10)...] { side[price] = nil }
    }

    /// The best price of each side with its size.
    var best: (bid: (price: Int64, size: [UInt8])?, ask: (price: Int64, size: [UInt8])?) {
        (
            bids.keys.max().flatMap { price in bids[price].map { (price, $0) } },
            asks.keys.min().flatMap { price in asks[price].map { (price, $0) } }
        )
    }

    /// The REST answer: at most `limit` levels a side, best first; ids moved by `shift`. O(n log n).
    func text(limit: Int, shiftingIDBy shift: Int64) -> [UInt8] {
        var text = Array(#"{"lastUpdateId":"#.utf8)
        DecimalText.append(integer: updateID + shift, to: &text)
        text.append(contentsOf: #","bids":["#.utf8)
        Self.append(bids.sorted { $0.key > $1.key }.prefix(limit), to: &text)
        text.append(contentsOf: #"],"asks":["#.utf8)
        Self.append(asks.sorted { $0.key < $1.key }.prefix(limit), to: &text)
        text.append(contentsOf: "]}".utf8)
        return text
    }

    private static func append(_ levels: ArraySlice<(key: Int64, value: [UInt8])>, to text: inout [UInt8]) {
        for (rank, level) in levels.enumerated() {
            text.append(contentsOf: (rank == 0 ? "[\"" : ",[\"").utf8)
            DecimalText.append(level.key, to: &text)
            text.append(contentsOf: "\",\"".utf8)
            text.append(contentsOf: level.value)
            text.append(contentsOf: "\"]".utf8)
        }
    }

    /// The price and size steps, in 10⁻⁸, estimated as the greatest common divisors of the book's prices and sizes.
    /// They are multiples of the true steps; with hundreds of levels they are the true steps.
    var steps: (tick: Int64, step: Int64) {
        var tick: Int64 = 0
        var step: Int64 = 0
        for (price, size) in [bids, asks].joined() {
            tick = Self.greatestCommonDivisor(tick, price)
            step = Self.greatestCommonDivisor(step, DecimalText.parse(size, 0..<size.count) ?? 0)
        }
        return (max(tick, 1), max(step, 1))
    }

    private static func greatestCommonDivisor(_ left: Int64, _ right: Int64) -> Int64 {
        var (left, right) = (left, right)
        while right != 0 { (left, right) = (right, left % right) }
        return left
    }
}
