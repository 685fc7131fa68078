/// Finds members and levels in JSON text without building a tree. It returns positions only, so frames stay verbatim.
///
/// It checks nesting and strings; callers check the spelling of numbers and literals.
enum JSONText {
    /// A member of an object; the key's range is without quotes, a string value's range with them.
    struct Member {
        let key: Range<Int>
        let value: Range<Int>
    }

    /// Deepest nesting accepted.
    static let maxDepth = 32

    /// The members of the object that fills `range`; `nil` for anything else. O(bytes).
    static func members(of bytes: [UInt8], in range: Range<Int>) -> [Member]? {
        var members: [Member] = []
        members.reserveCapacity(10)
        var index = skipBlanks(bytes, range.lowerBound, range.upperBound)
        guard index < range.upperBound, bytes[index] == UInt8(ascii: "{") else { return nil }
        index = skipBlanks(bytes, index + 1, range.upperBound)
        if index < range.upperBound, bytes[index] == UInt8(ascii: "}") {
            return skipBlanks(bytes, index + 1, range.upperBound) == range.upperBound ? members : nil
        }
        while index < range.upperBound {
            guard let keyEnd = stringEnd(bytes, index, range.upperBound) else { return nil }
            let key = index + 1..<keyEnd - 1
            index = skipBlanks(bytes, keyEnd, range.upperBound)
            guard index < range.upperBound, bytes[index] == UInt8(ascii: ":") else { return nil }
            index = skipBlanks(bytes, index + 1, range.upperBound)
            guard let valueEnd = valueEnd(bytes, index, range.upperBound) else { return nil }
            members.append(Member(key: key, value: index..<valueEnd))
            index = skipBlanks(bytes, valueEnd, range.upperBound)
            guard index < range.upperBound else { return nil }
            let separator = bytes[index]
            index = skipBlanks(bytes, index + 1, range.upperBound)
            if separator == UInt8(ascii: "}") { return index == range.upperBound ? members : nil }
            guard separator == UInt8(ascii: ",") else { return nil }
        }
        return nil
    }

    /// The position of the value of the member called `key`.
    static func value(_ key: String, of members: [Member], in bytes: [UInt8]) -> Range<Int>? {
        members.first { bytes[$0.key].elementsEqual(key.utf8) }?.value
    }

    /// Calls `body` with the price and size texts (without quotes) of `[["p","q"],…]`, in order; `false` for anything else.
    static func forEachLevel(
        of bytes: [UInt8], in range: Range<Int>, _ body: (_ price: Range<Int>, _ size: Range<Int>) -> Bool
    ) -> Bool {
        let end = range.upperBound
        var index = range.lowerBound
        guard take(UInt8(ascii: "["), bytes, &index, end) else { return false }
        if take(UInt8(ascii: "]"), bytes, &index, end) { return index == end }
        repeat {
            guard take(UInt8(ascii: "["), bytes, &index, end), let priceEnd = stringEnd(bytes, index, end) else {
                return false
            }
            let price = index + 1..<priceEnd - 1
            index = skipBlanks(bytes, priceEnd, end)
            guard take(UInt8(ascii: ","), bytes, &index, end), let sizeEnd = stringEnd(bytes, index, end) else {
                return false
            }
            let size = index + 1..<sizeEnd - 1
            index = skipBlanks(bytes, sizeEnd, end)
            guard take(UInt8(ascii: "]"), bytes, &index, end), body(price, size) else { return false }
        } while take(UInt8(ascii: ","), bytes, &index, end)
        return take(UInt8(ascii: "]"), bytes, &index, end) && index == end
    }

    /// Returns `true`, and moves `index` past `byte` and the blanks after it, if `byte` is at `index`.
    private static func take(_ byte: UInt8, _ bytes: [UInt8], _ index: inout Int, _ end: Int) -> Bool {
        guard index < end, bytes[index] == byte else { return false }
        index = skipBlanks(bytes, index + 1, end)
        return true
    }

    private static func skipBlanks(_ bytes: [UInt8], _ start: Int, _ end: Int) -> Int {
        var index = start
        while index < end, bytes[index] == 0x20 || (bytes[index] >= 0x09 && bytes[index] <= 0x0D) { index += 1 }
        return index
    }

    /// Index behind the string whose opening quote is at `start`.
    private static func stringEnd(_ bytes: [UInt8], _ start: Int, _ end: Int) -> Int? {
        guard start < end, bytes[start] == UInt8(ascii: "\"") else { return nil }
        var index = start + 1
        while index < end {
            switch bytes[index] {
            case UInt8(ascii: "\""): return index + 1
            case UInt8(ascii: "\\"): index += 2
            default: index += 1
            }
        }
        return nil
    }

    /// Index behind the value that begins at `start`.
    private static func valueEnd(_ bytes: [UInt8], _ start: Int, _ end: Int) -> Int? {
        guard start < end else { return nil }
        if bytes[start] == UInt8(ascii: "\"") { return stringEnd(bytes, start, end) }
        guard bytes[start] == UInt8(ascii: "{") || bytes[start] == UInt8(ascii: "[") else {
            var index = start
            while index < end, isScalar(bytes[index]) { index += 1 }
            return index > start ? index : nil
        }
        var depth = 0
        var index = start
        while index < end {
            switch bytes[index] {
            case UInt8(ascii: "{"), UInt8(ascii: "["):
                depth += 1
                guard depth <= maxDepth else { return nil }
            case UInt8(ascii: "}"), UInt8(ascii: "]"):
                depth -= 1
                if depth == 0 { return index + 1 }
            case UInt8(ascii: "\""):
                guard let next = stringEnd(bytes, index, end) else { return nil }
                index = next
                continue
            default: break
            }
            index += 1
        }
        return nil
    }

    /// A byte of a number, `true`, `false` or `null`.
    private static func isScalar(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "E"),
            UInt8(ascii: "+"), UInt8(ascii: "-"), UInt8(ascii: "."):
            true
        default: false
        }
    }
}
