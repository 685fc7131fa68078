import Microstructure

/// Makes hostile messages of sound ones: any field of a protobuf message, at any depth, may be replaced by a value at the
/// end of its range, be left out, or come twice. It knows the wire format only, so that new fields are mutated too.
struct WireMutator {
    private static let varints: [UInt64] = [
        0, 1, 2, 3, 4, 127, 1 << 31, 1 << 32 - 1, 1 << 53, 1 << 62, 1 << 63 - 1, 1 << 63, .max - 1, .max,
    ]
    private static let times: [Int64] = [.min, .min + 1, -1, 0, 1, 1 << 62, .max - 1, .max]
    private static let numbers: [Double] = [
        .nan, .signalingNaN, .infinity, -.infinity, 0, -0.0, 1.5, -1, 1e308, -1e308, 5e-324, .greatestFiniteMagnitude,
    ]
    private static let depthLimit = 4

    var random: SplitMix64

    /// - Parameters:
    ///   - rate: probability that a field is changed, 0 to 1.
    ///   - isEnvelope: keep the fields that say where the message stands in its topic; without them it would be passed
    ///     over as a duplicate.
    mutating func mutate(_ message: [UInt8], rate: Double, isEnvelope: Bool = false, depth: Int = 0) -> [UInt8] {
        var rest = message[...]
        var result: [UInt8] = []
        while !rest.isEmpty {
            guard let field = Field(&rest) else { return result + rest }
            if isEnvelope, field.number < 10 {
                result += field.encoded(field.content)
                continue
            }
            let isChanged = chance(rate)
            if isChanged, chance(0.1) { continue }
            for _ in 0..<(isChanged && chance(0.1) ? 2 : 1) {
                result += field.encoded(changed(field, isChanged, rate, depth))
            }
        }
        return result
    }

    private mutating func changed(_ field: Field, _ isChanged: Bool, _ rate: Double, _ depth: Int) -> [UInt8] {
        switch field.wireType {
        case 0: return isChanged ? Field.varint(chance(0.9) ? pick(Self.varints) : random.next()) : field.content
        case 1: return isChanged ? fixed64() : field.content
        case 2 where Field.isMessage(field.content) && depth < Self.depthLimit && (depth == 0 || chance(0.8)):
            return mutate(field.content, rate: rate, depth: depth + 1)
        case 2 where isChanged: return changedBytes(field.content)
        default: return field.content
        }
    }

    /// Of text, or of a packed column.
    private mutating func changedBytes(_ bytes: [UInt8]) -> [UInt8] {
        var bytes = bytes
        switch Int.random(in: 0..<6, using: &random) {
        case 0: return []
        case 1: return Array(bytes.prefix(Int.random(in: 0...bytes.count, using: &random)))
        case 2: return bytes + bytes
        case 3:
            return [UInt8](repeating: UInt8.random(in: .min ... .max, using: &random), count: pick([1, 161, 5_001]))
        case 4 where bytes.count >= 8:
            for _ in 0..<3 {
                let start = 8 * Int.random(in: 0..<bytes.count / 8, using: &random)
                bytes.replaceSubrange(start..<start + 8, with: fixed64())
            }
            return bytes
        default:
            for _ in 0..<3 where !bytes.isEmpty {
                let index = Int.random(in: 0..<bytes.count, using: &random)
                bytes[index] = UInt8.random(in: .min ... .max, using: &random)
            }
            return bytes
        }
    }

    private mutating func fixed64() -> [UInt8] {
        let bits = chance(0.5) ? UInt64(bitPattern: pick(Self.times)) : pick(Self.numbers).bitPattern
        return (0..<8).map { UInt8(truncatingIfNeeded: bits >> (8 * $0)) }
    }

    mutating func chance(_ probability: Double) -> Bool { Double.random(in: 0..<1, using: &random) < probability }

    mutating func pick<Element>(_ choices: [Element]) -> Element {
        choices[Int.random(in: 0..<choices.count, using: &random)]
    }
}

/// One field as it stands in a message.
private struct Field {
    let tag: UInt64
    let content: [UInt8]

    var number: UInt64 { tag >> 3 }
    var wireType: UInt64 { tag & 7 }

    /// Takes a field from the front; `nil` where there is none.
    init?(_ bytes: inout ArraySlice<UInt8>) {
        guard let tag = Self.readVarint(&bytes), tag >> 3 > 0 else { return nil }
        self.tag = tag
        switch tag & 7 {
        case 0:
            guard let value = Self.readVarint(&bytes) else { return nil }
            content = Self.varint(value)
        case 1, 5:
            let length = tag & 7 == 1 ? 8 : 4
            guard bytes.count >= length else { return nil }
            content = Array(bytes.prefix(length))
            bytes = bytes.dropFirst(length)
        case 2:
            guard let length = Self.readVarint(&bytes), length <= UInt64(bytes.count) else { return nil }
            content = Array(bytes.prefix(Int(length)))
            bytes = bytes.dropFirst(Int(length))
        default: return nil
        }
    }

    func encoded(_ content: [UInt8]) -> [UInt8] {
        Self.varint(tag) + (wireType == 2 ? Self.varint(UInt64(content.count)) : []) + content
    }

    static func isMessage(_ bytes: [UInt8]) -> Bool {
        var rest = bytes[...]
        while !rest.isEmpty { guard Field(&rest) != nil else { return false } }
        return !bytes.isEmpty
    }

    static func varint(_ value: UInt64) -> [UInt8] {
        var (value, bytes) = (value, [UInt8]())
        while value > 0x7F {
            bytes.append(UInt8(truncatingIfNeeded: value) | 0x80)
            value >>= 7
        }
        return bytes + [UInt8(value)]
    }

    private static func readVarint(_ bytes: inout ArraySlice<UInt8>) -> UInt64? {
        var (value, shift): (UInt64, UInt64) = (0, 0)
        while let byte = bytes.popFirst(), shift < 64 {
            value |= UInt64(byte & 0x7F) << shift
            if byte < 0x80 { return value }
            shift += 7
        }
        return nil
    }
}
