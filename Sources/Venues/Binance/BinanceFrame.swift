import Microstructure

/// The type of a stream frame, from its stream's name or its `e`; `.none` if neither says.
enum BinanceEvent: UInt8 {
    case none, depthUpdate, trade, bookTicker, serverShutdown, other
}

/// One pass over a stream frame: finds its instrument, its type, and the positions of its values.
///
/// One loop reads the combined wrapper and raw payloads, keys in any order. The positions of one-letter keys are noted
/// and decoded later, once the event type is known: `b` is an array in `depthUpdate`, a string in `bookTicker`, a
/// number in old trades. Only the level arrays are decoded immediately, to avoid a second pass over them.
struct BinanceFrame {
    /// The type from the stream's name; `.none` for a raw payload.
    private(set) var streamEvent = BinanceEvent.none
    /// The type from `e`.
    private(set) var event = BinanceEvent.none
    /// Index of the symbol in the stream's name: −1 unknown, −2 absent.
    private(set) var streamSymbol = -2
    /// Index of the symbol in `s`, coded likewise.
    private(set) var dataSymbol = -2
    private(set) var hasDecodedBids = false
    private(set) var hasDecodedAsks = false
    private(set) var isAcknowledgement = false
    private(set) var errorCode: Int64?
    private(set) var errorMessage: JSONString?

    /// Where the value of a one-letter key begins, by letter; −1 if the key is absent.
    private var offsets = InlineArray<64, Int32>(repeating: -1)
    /// Where the value of `pu` begins, which only futures have; −1 if it is absent.
    private(set) var predecessorOffset = -1

    /// The instrument that the frame belongs to; negative if none.
    var symbol: Int { streamSymbol == -2 ? dataSymbol : streamSymbol }

    /// The type of the frame; a spot `bookTicker` has no `e` and is recognised by its stream or keys.
    var kind: BinanceEvent {
        if streamEvent == .serverShutdown { return .serverShutdown }
        if event != .none { return event }
        if streamEvent != .none { return streamEvent }
        return has("u") && has("s") && has("B") && has("A") ? .bookTicker : .other
    }

    /// The frame's name in a rejection.
    var payload: PayloadKind {
        switch event != .none ? event : streamEvent {
        case .depthUpdate: .depthUpdate
        case .trade: .trade
        case .bookTicker: .quote
        case .serverShutdown: .control
        case .none, .other: .frame
        }
    }

    func has(_ key: Unicode.Scalar) -> Bool { offsets[Self.slot(UInt8(ascii: key))] >= 0 }

    /// Byte at which the value of `key` begins; −1 where it is absent.
    func offset(of key: Unicode.Scalar) -> Int { Int(offsets[Self.slot(UInt8(ascii: key))]) }

    /// Reads the whole frame. On an error the frame keeps the values found so far, for the count.
    mutating func read(
        _ scanner: inout JSONScanner, symbols: borrowing SymbolTable, scales: borrowing [PriceScale],
        bids: inout [PriceLevel], asks: inout [PriceLevel]
    ) throws(ScanError) {
        try scanner.beginObject()
        while let key = try scanner.nextKey() {
            if key.count == 1 {
                try readField(key, &scanner, symbols, scales, &bids, &asks)
            } else if scanner.equals(key, "stream") {
                readStreamName(try scanner.string(), scanner, symbols)
            } else if scanner.equals(key, "data"), try scanner.peek() == .object {
                try scanner.beginObject()
                while let key = try scanner.nextKey() {
                    try readField(key, &scanner, symbols, scales, &bids, &asks)
                }
            } else if scanner.equals(key, "result") {
                isAcknowledgement = true
                try scanner.skipValue()
            } else if scanner.equals(key, "error") {
                try readError(&scanner)
            } else if scanner.equals(key, "code") {
                errorCode = try scanner.integer()
            } else if scanner.equals(key, "msg") {
                errorMessage = try scanner.string()
            } else {
                try readField(key, &scanner, symbols, scales, &bids, &asks)
            }
        }
        try scanner.finish()
    }

    /// Reads `btcusdt@depth@100ms`: the symbol, then the stream type.
    private mutating func readStreamName(
        _ name: JSONString, _ scanner: JSONScanner, _ symbols: borrowing SymbolTable
    ) {
        (streamSymbol, streamEvent) = scanner.withBytes(of: name) { bytes in
            guard let at = bytes.firstIndex(of: UInt8(ascii: "@")) else {
                return (-2, ByteComparison.areEqual(bytes, "!serverShutdown") ? .serverShutdown : .other)
            }
            let suffix = UnsafeBufferPointer(rebasing: bytes[(at + 1)...])
            let event: BinanceEvent =
                if Self.isDepth(suffix) {
                    .depthUpdate
                } else if ByteComparison.areEqual(suffix, "trade") {
                    .trade
                } else if ByteComparison.areEqual(suffix, "bookTicker") {
                    .bookTicker
                } else {
                    .other
                }
            return (symbols.index(of: UnsafeBufferPointer(rebasing: bytes[..<at])), event)
        }
    }

    /// `depth` and, for any rate, `depth@100ms`; not the partial books `depth20@100ms`.
    private static func isDepth(_ suffix: UnsafeBufferPointer<UInt8>) -> Bool {
        suffix.starts(with: "depth@".utf8) && suffix.last == UInt8(ascii: "s")
            || ByteComparison.areEqual(suffix, "depth")
    }

    private mutating func readField(
        _ key: JSONString, _ scanner: inout JSONScanner, _ symbols: borrowing SymbolTable,
        _ scales: borrowing [PriceScale], _ bids: inout [PriceLevel], _ asks: inout [PriceLevel]
    ) throws(ScanError) {
        let letter = scanner.onlyByte(of: key)
        guard JSONScanner.isLetter(letter) else {
            if scanner.equals(key, "pu") {
                _ = try scanner.peek()
                predecessorOffset = scanner.position
            }
            return try scanner.skipValue()
        }
        let type = try scanner.peek()
        offsets[Self.slot(letter)] = Int32(truncatingIfNeeded: scanner.position)
        switch (letter, type) {
        case (UInt8(ascii: "e"), .string):
            event = Self.event(try scanner.string(), scanner)
        case (UInt8(ascii: "s"), .string):
            let symbol = try scanner.string()
            dataSymbol = scanner.withBytes(of: symbol) { bytes in symbols.index(of: bytes) }
        case (UInt8(ascii: "b"), .array) where event == .depthUpdate && symbol >= 0:
            try scanner.levels(of: scales[symbol], into: &bids)
            hasDecodedBids = true
        case (UInt8(ascii: "a"), .array) where event == .depthUpdate && symbol >= 0:
            try scanner.levels(of: scales[symbol], into: &asks)
            hasDecodedAsks = true
        default:
            try scanner.skipValue()
        }
    }

    private mutating func readError(_ scanner: inout JSONScanner) throws(ScanError) {
        try scanner.beginObject()
        while let key = try scanner.nextKey() {
            if scanner.equals(key, "code") {
                errorCode = try scanner.integer()
            } else if scanner.equals(key, "msg") {
                errorMessage = try scanner.string()
            } else {
                try scanner.skipValue()
            }
        }
    }

    private static func event(_ name: JSONString, _ scanner: JSONScanner) -> BinanceEvent {
        if scanner.equals(name, "depthUpdate") { return .depthUpdate }
        if scanner.equals(name, "trade") { return .trade }
        if scanner.equals(name, "bookTicker") { return .bookTicker }
        if scanner.equals(name, "serverShutdown") { return .serverShutdown }
        return .other
    }

    /// ASCII letters differ in their last five bits, and in one bit by case.
    @inline(__always)
    private static func slot(_ letter: UInt8) -> Int { Int(letter & 0x1F) | Int(letter & 0x20) }
}
