/// Changes to a message that faults, clocks and time units require. All other bytes stay the same.
extension BinanceDialect {
    /// Moves event times (`E`, `T`) by `milliseconds`; optionally converts them to microseconds.
    public func retimed(_ frame: MarketFrame, byMilliseconds step: Int64, inMicroseconds: Bool) -> MarketFrame {
        guard step != 0 || inMicroseconds else { return frame }
        return rewriting(frame, ["E", "T"]) { value in
            let moved = value &+ step
            return inMicroseconds ? moved &* 1_000 : moved
        }
    }

    /// On futures `pu` says what came before, on spot `U`.
    public func skippingIDs(_ count: Int64, in frame: MarketFrame) -> MarketFrame? {
        var canSkip = false
        var last: Int64 = 0
        let key: StaticString = futures == nil ? "U" : "pu"
        let start: Int64 = futures == nil ? 0 : 1
        _ = rewriting(frame, ["u"]) { value in
            last = value
            return value
        }
        let edited = rewriting(frame, [key]) { first in
            canSkip = first + start + count <= last
            return first + count
        }
        return canSkip ? edited : nil
    }

    public func padded(_ frame: MarketFrame, toBytes count: Int) -> MarketFrame {
        var bytes = Array(frame.bytes[...frame.payload.lowerBound])
        let filling = max(0, count - frame.bytes.count)
        bytes.append(contentsOf: #""filling":""#.utf8)
        bytes.append(contentsOf: repeatElement(UInt8(ascii: " "), count: filling))
        bytes.append(contentsOf: #"","#.utf8)
        bytes.append(contentsOf: frame.bytes[(frame.payload.lowerBound + 1)...])
        let added = bytes.count - frame.bytes.count
        return frame.with(bytes, payload: frame.payload.lowerBound..<frame.payload.upperBound + added)
    }

    public func withExcessDecimals(_ frame: MarketFrame) -> MarketFrame? {
        guard let point = frame.bytes[frame.payload].firstIndex(of: UInt8(ascii: ".")),
            let quote = frame.bytes[point..<frame.payload.upperBound].firstIndex(of: UInt8(ascii: "\""))
        else { return nil }
        let digits = Array("0000000000001".utf8)
        let bytes = Array(frame.bytes[..<quote]) + digits + frame.bytes[quote...]
        return frame.with(bytes, payload: frame.payload.lowerBound..<frame.payload.upperBound + digits.count)
    }

    public func crossed(_ frame: MarketFrame, ask: Int64) -> MarketFrame? {
        let mark = Array(#""b":["#.utf8)
        guard let start = frame.bytes[frame.payload].firstRange(of: mark)?.upperBound else { return nil }
        let isEmpty = frame.bytes[start] == UInt8(ascii: "]")
        var level = Array(#"["#.utf8) + [UInt8(ascii: "\"")]
        DecimalText.append(ask + ask / 100, to: &level)
        level.append(contentsOf: (isEmpty ? #"","1.00000000"]"# : #"","1.00000000"],"#).utf8)
        let bytes = Array(frame.bytes[..<start]) + level + frame.bytes[start...]
        return frame.with(bytes, payload: frame.payload.lowerBound..<frame.payload.upperBound + level.count)
    }

    private static func spells(_ key: StaticString, _ bytes: ArraySlice<UInt8>) -> Bool {
        key.withUTF8Buffer { $0.elementsEqual(bytes) }
    }

    /// Replaces whole-number members of the frame's data.
    private func rewriting(
        _ frame: MarketFrame, _ keys: [StaticString], _ body: (Int64) -> Int64
    ) -> MarketFrame {
        guard let members = JSONText.members(of: frame.bytes, in: frame.payload) else { return frame }
        var bytes: [UInt8] = []
        bytes.reserveCapacity(frame.bytes.count + 8)
        var copied = 0
        for member in members
        where keys.contains(where: { Self.spells($0, frame.bytes[member.key]) }) {
            guard let value = DecimalText.integer(frame.bytes, member.value) else { continue }
            bytes.append(contentsOf: frame.bytes[copied..<member.value.lowerBound])
            DecimalText.append(integer: body(value), to: &bytes)
            copied = member.value.upperBound
        }
        bytes.append(contentsOf: frame.bytes[copied...])
        let added = bytes.count - frame.bytes.count
        return frame.with(bytes, payload: frame.payload.lowerBound..<frame.payload.upperBound + added)
    }
}
