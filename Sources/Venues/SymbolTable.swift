import Microstructure

/// Finds an instrument by the bytes of its symbol, without a `String`, ignoring case: stream names are lower case,
/// symbols upper case. Open addressing, at most half full. O(length of the symbol).
///
/// ASCII case is ignored byte by byte. A symbol with other letters that have cases gets a second entry in lower case.
struct SymbolTable: Sendable {
    private var slots: [Int]
    private let count: Int
    /// The symbols of the second entries, which follow those of the symbols.
    private var lowerCased: [Int] = []
    /// The folded symbols, one after another; symbol `i` lies between `ends[i - 1]` and `ends[i]`.
    private var text: [UInt8] = []
    /// The same text in lower case.
    private var lowerText: [UInt8] = []
    private var ends: [Int] = []

    /// - Returns: `nil` if two symbols differ only by case.
    init?(_ symbols: [String]) {
        count = symbols.count
        var entries = symbols
        for (index, symbol) in symbols.enumerated() {
            let lower = symbol.lowercased()
            guard lower.utf8.map(Self.folded) != symbol.utf8.map(Self.folded) else { continue }
            entries.append(lower)
            lowerCased.append(index)
        }
        var size = 4
        while size < entries.count * 2 { size *= 2 }
        slots = Array(repeating: -1, count: size)
        for (index, symbol) in entries.enumerated() {
            let folded = symbol.utf8.map(Self.folded)
            let (slot, occupant) = folded.withUnsafeBufferPointer { find($0) }
            guard occupant < 0 else { return nil }
            slots[slot] = index
            text.append(contentsOf: folded)
            lowerText.append(
                contentsOf: folded.map { (UInt8(ascii: "A")...UInt8(ascii: "Z")).contains($0) ? $0 + 32 : $0 })
            ends.append(text.count)
        }
    }

    /// The index of the symbol that `bytes` spell, or −1.
    func index(of bytes: UnsafeBufferPointer<UInt8>) -> Int {
        let entry = find(bytes).occupant
        return entry < count ? entry : lowerCased[entry - count]
    }

    private func find(_ bytes: UnsafeBufferPointer<UInt8>) -> (slot: Int, occupant: Int) {
        var hash = StableHash()  // of letters without their case
        for byte in bytes { hash.combine(byte: byte & 0xDF) }
        var slot = Int(truncatingIfNeeded: hash.value ^ (hash.value >> 32)) & (slots.count - 1)
        while slots[slot] >= 0, !matches(slots[slot], bytes) { slot = (slot + 1) & (slots.count - 1) }
        return (slot, slots[slot])
    }

    /// Length of the symbol in bytes.
    func length(of index: Int) -> Int { ends[index] - start(of: index) }

    private func start(of index: Int) -> Int { index == 0 ? 0 : ends[index - 1] }

    /// Whether `bytes` spell the symbol.
    func matches(_ index: Int, _ bytes: UnsafeBufferPointer<UInt8>) -> Bool {
        let start = start(of: index)
        guard ends[index] - start == bytes.count else { return false }
        guard let given = bytes.baseAddress, !isEqual(lowerText, start, given, bytes.count),
            !isEqual(text, start, given, bytes.count)
        else { return true }
        // Compare mixed case.
        for offset in 0..<bytes.count where text[start + offset] != Self.folded(bytes[offset]) { return false }
        return true
    }

    @inline(__always)
    private func isEqual(_ text: [UInt8], _ start: Int, _ other: UnsafePointer<UInt8>, _ count: Int) -> Bool {
        text.withUnsafeBytes { text in
            guard let text = text.baseAddress else { return false }
            return ByteComparison.areEqual(text + start, UnsafeRawPointer(other), count)
        }
    }

    private static func folded(_ byte: UInt8) -> UInt8 {
        byte >= UInt8(ascii: "a") && byte <= UInt8(ascii: "z") ? byte - 32 : byte
    }
}
