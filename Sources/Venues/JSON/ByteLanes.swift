/// Processes eight bytes of text in one word at once; the first byte is in the lowest lane.
///
/// A lane test sets the highest bit of each lane that passes. Lanes above the first passing lane may be wrong (a borrow
/// or carry comes from below), so use only `firstLane` of the result, or whether it is zero.
/// Source: Warren, Hacker's Delight, 2nd edition, section 6-1.
extension UInt64 {
    private static let ones: UInt64 = 0x0101_0101_0101_0101
    private static let highBits: UInt64 = 0x8080_8080_8080_8080

    @inline(__always)
    func lanes(equalTo byte: Unicode.Scalar) -> UInt64 {
        let difference = self ^ (Self.ones &* UInt64(UInt8(ascii: byte)))
        return (difference &- Self.ones) & ~difference & Self.highBits
    }

    /// Requires `limit ≤ 0x80`.
    @inline(__always)
    func lanes(below limit: UInt8) -> UInt64 {
        (self &- Self.ones &* UInt64(limit)) & ~self & Self.highBits
    }

    /// The first lane that passed a test: 0 to 7, and 8 if none passes.
    @inline(__always)
    var firstLane: Int { trailingZeroBitCount >> 3 }

    // MARK: Digits

    /// Converts ASCII digits to their values, 0 to 9, and other bytes to greater values.
    @inline(__always)
    var digitValues: UInt64 { self ^ (Self.ones &* UInt64(UInt8(ascii: "0"))) }

    /// Tests `digitValues` for lanes that are not digits.
    @inline(__always)
    var lanesAboveNine: UInt64 { ((self &+ Self.ones &* 0x76) | self) & Self.highBits }

    /// Keeps the lanes below `count`; the others become zero.
    @inline(__always)
    func firstLanes(_ count: Int) -> UInt64 { self & (1 << UInt64(8 &* count) &- 1) }

    /// Moves the first `count` lanes up to the end; the lanes below are zero. Requires `1 ≤ count ≤ 8`.
    @inline(__always)
    func movedUp(first count: Int) -> UInt64 { self &<< UInt64(truncatingIfNeeded: 64 &- 8 &* count) }

    /// The number formed by all eight `digitValues`. Requires all to be digits.
    @inline(__always)
    var number: UInt64 {
        let pairs = (self &* 10 &+ self &>> 8) & 0x00FF_00FF_00FF_00FF
        let quads = (pairs &* 100 &+ pairs &>> 16) & 0x0000_FFFF_0000_FFFF
        return (quads &* 10_000 &+ quads &>> 32) & 0xFFFF_FFFF
    }

    /// The number formed by the first `count` `digitValues`. Requires them to be digits, and `1 ≤ count ≤ 8`.
    @inline(__always)
    func number(ofFirst count: Int) -> UInt64 { movedUp(first: count).number }

    /// `10^exponent`. Requires `0 ≤ exponent ≤ 8`.
    @inline(__always)
    static func power(ofTen exponent: Int) -> UInt64 {
        switch exponent {
        case 0: 1
        case 1: 10
        case 2: 100
        case 3: 1_000
        case 4: 10_000
        case 5: 100_000
        case 6: 1_000_000
        case 7: 10_000_000
        default: 100_000_000
        }
    }
}
