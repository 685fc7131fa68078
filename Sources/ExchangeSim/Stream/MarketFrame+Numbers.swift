import Simulation

extension MarketFrame {
    /// The whole number that follows `mark`, and the same message with another in its place; `nil` without the mark.
    func number(after mark: String) -> Int64? { place(after: mark).map { value(at: $0) } }

    func changingNumber(after mark: String, _ change: (Int64) -> Int64) -> MarketFrame? {
        guard let place = place(after: mark) else { return nil }
        let text = Array(String(change(value(at: place))).utf8)
        let bytes = bytes[..<place.lowerBound] + text + bytes[place.upperBound...]
        return with(Array(bytes), payload: 0..<bytes.count)
    }

    /// The message with the checksum of a fault in place of the one after `mark`.
    func changingChecksum(after mark: String, _ fault: Fault) -> MarketFrame? {
        switch fault.kind {
        case .badChecksum: changingNumber(after: mark) { $0 ^ 1 }
        case .zeroChecksum: number(after: mark) == 0 ? nil : changingNumber(after: mark) { _ in 0 }
        default: nil
        }
    }

    private func place(after mark: String) -> Range<Int>? {
        guard let start = bytes.firstRange(of: Array(mark.utf8))?.upperBound else { return nil }
        let end = bytes[start...].firstIndex { $0 != UInt8(ascii: "-") && !(0x30...0x39).contains($0) }
        return end.flatMap { start < $0 ? start..<$0 : nil }
    }

    private func value(at place: Range<Int>) -> Int64 { Int64(String(decoding: bytes[place], as: UTF8.self)) ?? 0 }
}
