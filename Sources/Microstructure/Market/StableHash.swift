/// 64-bit FNV-1a: the same number on any machine and in any version, unlike `Hasher`. Not for secrets.
/// Source: Fowler, Noll, Vo, draft-eastlake-fnv.
public struct StableHash: Sendable {
    @usableFromInline var state: UInt64 = 0xcbf2_9ce4_8422_2325

    @inlinable public init() {}

    /// The hash of all values combined so far.
    @inlinable public var value: UInt64 { state }

    /// Adds the word's UTF-8 bytes and a closing zero byte, so that `ab, c` and `a, bc` differ.
    public mutating func combine(_ word: String) {
        for byte in word.utf8 { combine(byte: byte) }
        combine(byte: 0)
    }

    /// Adds the number's eight bytes, lowest first.
    public mutating func combine(_ number: UInt64) {
        for shift in stride(from: 0, to: 64, by: 8) {
            combine(byte: UInt8(truncatingIfNeeded: number >> UInt64(shift)))
        }
    }

    /// Adds one byte. Inlined, since symbol tables hash the symbol of every frame.
    @inlinable public mutating func combine(byte: UInt8) {
        state = (state ^ UInt64(byte)) &* 0x0000_0100_0000_01b3
    }

    /// `value` with each bit spread over all bits: FNV-1a's high bits hardly depend on its last words.
    /// Source: Appleby, MurmurHash3, the 64-bit finaliser.
    public var mixed: UInt64 {
        var bits = state
        bits = (bits ^ (bits >> 33)) &* 0xff51_afd7_ed55_8ccd
        bits = (bits ^ (bits >> 33)) &* 0xc4ce_b9fe_1a85_ec53
        return bits ^ (bits >> 33)
    }
}
