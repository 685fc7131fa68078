/// One line of a recording of Binance's combined streams, parsed only as far as the player needs.
struct BinanceCaptureLine: Sendable {
    enum Content: Sendable {
        case frame(Frame)
        /// The recorder's own REST snapshot: an order book without a stream name.
        case snapshot
        /// Any other message the recorder received, such as the reply to a subscription.
        case other
    }

    struct Frame: Sendable {
        var stream: String
        var kind: StreamKind
        /// The position of the value of `data` in `bytes`.
        var payload: Range<Int>
        /// The ids and times in the payload, which later passes must shift.
        var numbers: [Number]
        /// The positions of a depth event's levels in `bytes`; empty for other kinds.
        var bids = 0..<0
        var asks = 0..<0

        /// The value of the member whose key is `letter`.
        subscript(letter: Unicode.Scalar) -> Int64? {
            numbers.first { $0.key == UInt8(ascii: letter) }?.value
        }
    }

    struct Number: Sendable {
        var key: UInt8
        var value: Int64
        var range: Range<Int>
    }

    let number: Int
    /// The recorder's clock, in ns.
    let receiveTime: Int64
    /// The JSON text, verbatim.
    let bytes: [UInt8]
    let content: Content

    /// Parses line `number`: `receive_ns JSON`.
    init(_ line: [UInt8], number: Int) throws(CaptureError) {
        func failure(_ problem: CaptureError.Problem) -> CaptureError { CaptureError(line: number, problem: problem) }
        guard let blank = line.firstIndex(of: UInt8(ascii: " ")),
            let receiveTime = DecimalText.integer(line, 0..<blank), receiveTime > 0
        else { throw failure(.noReceiveTime) }
        let bytes = Array(line[(blank + 1)...])
        guard let members = JSONText.members(of: bytes, in: 0..<bytes.count) else { throw failure(.notJSON) }
        self.number = number
        self.receiveTime = receiveTime
        self.bytes = bytes
        if let stream = JSONText.value("stream", of: members, in: bytes), stream.count > 2,
            let payload = JSONText.value("data", of: members, in: bytes)
        {
            let name = String(decoding: bytes[stream.dropFirst().dropLast()], as: UTF8.self)
            guard let frame = Self.frame(bytes, stream: name, payload: payload) else {
                throw failure(.badFrame(stream: name))
            }
            // 10¹⁴ ms is in the year 5138; current times in microseconds exceed it.
            if let time = frame["E"], time >= 100_000_000_000_000 { throw failure(.notMilliseconds(time)) }
            content = .frame(frame)
        } else {
            content = JSONText.value("lastUpdateId", of: members, in: bytes) == nil ? .other : .snapshot
        }
    }

    private static func frame(_ bytes: [UInt8], stream: String, payload: Range<Int>) -> Frame? {
        guard let members = JSONText.members(of: bytes, in: payload) else { return nil }
        var frame = Frame(stream: stream, kind: StreamKind(binanceStream: stream), payload: payload, numbers: [])
        for member in members where member.key.count == 1 {
            let key = bytes[member.key.lowerBound]
            switch key {
            case UInt8(ascii: "E"), UInt8(ascii: "T"), UInt8(ascii: "U"), UInt8(ascii: "u"), UInt8(ascii: "t"):
                guard let value = DecimalText.integer(bytes, member.value) else { continue }
                frame.numbers.append(Number(key: key, value: value, range: member.value))
            case UInt8(ascii: "b") where frame.kind == .depth: frame.bids = member.value
            case UInt8(ascii: "a") where frame.kind == .depth: frame.asks = member.value
            default: break
            }
        }
        switch frame.kind {
        case .depth:
            guard let first = frame["U"], let last = frame["u"], first <= last, frame["E"] != nil,
                !frame.bids.isEmpty, !frame.asks.isEmpty
            else { return nil }
        case .trade: guard frame["t"] != nil, frame["E"] != nil else { return nil }
        case .quote: guard frame["u"] != nil else { return nil }
        case .other: break
        }
        return frame
    }
}

/// The difference between a later pass of a looped recording and the recording itself.
struct PassShift: Sendable, Equatable {
    var updateID: Int64 = 0
    var tradeID: Int64 = 0
    var milliseconds: Int64 = 0
}

extension BinanceCaptureLine {
    /// The frame's text with ids and times shifted, and the position of its payload in it. Frames other than depth,
    /// trade and quote get only their times shifted.
    func shifted(_ frame: Frame, by shift: PassShift) -> (bytes: [UInt8], payload: Range<Int>) {
        guard shift != PassShift() else { return (bytes, frame.payload) }
        var text: [UInt8] = []
        text.reserveCapacity(bytes.count + 8)
        var copied = 0
        for number in frame.numbers {
            let step: Int64
            switch (number.key, frame.kind) {
            case (UInt8(ascii: "E"), _), (UInt8(ascii: "T"), _): step = shift.milliseconds
            case (UInt8(ascii: "t"), .trade): step = shift.tradeID
            case (UInt8(ascii: "u"), .depth), (UInt8(ascii: "U"), .depth), (UInt8(ascii: "u"), .quote):
                step = shift.updateID
            default: continue
            }
            text.append(contentsOf: bytes[copied..<number.range.lowerBound])
            DecimalText.append(integer: number.value &+ step, to: &text)
            copied = number.range.upperBound
        }
        text.append(contentsOf: bytes[copied...])
        // Only numbers inside the payload can have changed length.
        return (text, frame.payload.lowerBound..<frame.payload.upperBound + text.count - bytes.count)
    }
}
