import Microstructure

/// Damaged copies of real messages.
enum Damage {
    /// The text cut off before each of its bytes.
    static func cuts(of text: String) -> [[UInt8]] {
        let bytes = Array(text.utf8)
        return bytes.indices.map { Array(bytes[..<$0]) }
    }

    /// One to four bytes changed, removed or doubled.
    static func flipped(_ text: String, _ random: inout Random) -> [UInt8] {
        var bytes = Array(text.utf8)
        for _ in 0...Int.random(in: 0..<4, using: &random) {
            let place = Int.random(in: bytes.indices, using: &random)
            switch Int.random(in: 0..<4, using: &random) {
            case 0: bytes[place] = UInt8.random(in: 0...255, using: &random)
            case 1: bytes[place] ^= 1 << UInt8.random(in: 0..<8, using: &random)
            case 2: bytes.insert(bytes[place], at: place)
            default: if bytes.count > 1 { bytes.remove(at: place) }
            }
        }
        return bytes
    }
}
