/// 64-bit FNV-1a over words, each closed by a zero byte so that `ab, c` and `a, bc` differ: the same number on any
/// machine and in any version, unlike `Hasher`. Not for secrets. Source: Fowler, Noll, Vo, draft-eastlake-fnv.
public struct StableHash: Sendable {
    public private(set) var value: UInt64 = 0xcbf2_9ce4_8422_2325

    public init() {}

    public mutating func combine(_ word: String) {
        for byte in word.utf8 { combine(byte) }
        combine(0 as UInt8)
    }

    /// Its eight bytes, the lowest first.
    public mutating func combine(_ number: UInt64) {
        for shift in stride(from: 0, to: 64, by: 8) { combine(UInt8(truncatingIfNeeded: number >> UInt64(shift))) }
    }

    private mutating func combine(_ byte: UInt8) {
        value = (value ^ UInt64(byte)) &* 0x0000_0100_0000_01b3
    }

    /// `value` with each bit spread over all: FNV-1a's own high bits hardly depend on its last words.
    /// Source: Appleby, MurmurHash3, the finaliser of 64 bits.
    public var mixed: UInt64 {
        var bits = value
        bits = (bits ^ (bits >> 33)) &* 0xff51_afd7_ed55_8ccd
        bits = (bits ^ (bits >> 33)) &* 0xc4ce_b9fe_1a85_ec53
        return bits ^ (bits >> 33)
    }
}
