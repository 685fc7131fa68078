import Microstructure

/// The checksum CRC-32 (IEEE 802.3, reflected, polynomial EDB88320), byte by byte.
struct CRC32 {
    private static let table: [UInt32] = (0..<256).map { index in
        (0..<8).reduce(UInt32(index)) { value, _ in value & 1 == 1 ? value >> 1 ^ 0xEDB8_8320 : value >> 1 }
    }

    private var state: UInt32 = 0xFFFF_FFFF

    var value: UInt32 { ~state }

    @inline(__always)
    mutating func combine(_ byte: UInt8) {
        state = Self.table[Int(UInt8(truncatingIfNeeded: state) ^ byte)] ^ state >> 8
    }

    /// The number as it was sent, `30243.50`.
    mutating func combine(_ number: SentDigits) {
        for index in 0..<number.count {
            if index == number.wholeCount { combine(UInt8(ascii: ".")) }
            combine(number[index])
        }
    }

    /// The number as it was sent, without its point and leading zeros: `0.00120` is `120`.
    mutating func combine(withoutPoint number: SentDigits) {
        var isLeading = true
        for index in 0..<number.count {
            if isLeading, number[index] == UInt8(ascii: "0") { continue }
            isLeading = false
            combine(number[index])
        }
    }
}
