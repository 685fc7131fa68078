import Microstructure

/// A line of a raw recording: `receive_ns JSON`, or the text of recorders that write `seconds: JSON`,
/// `URL -> seconds: JSON` for answers, `URL <-> seconds` for a new connection and `URL <- seconds: text` for what was sent.
struct RecordedLine {
    enum Content {
        /// The recorder connected to this address.
        case connected(url: String)
        /// A message of the stream.
        case frame([UInt8])
        /// An answer over HTTP.
        case answer(url: String, [UInt8])
    }

    let time: Timestamp
    let content: Content

    enum Parsed {
        case line(RecordedLine)
        /// What the recorder sent, or wrote about itself.
        case nothing
        case bad(String)
    }

    static func parse(_ bytes: [UInt8]) -> Parsed {
        guard let first = bytes.first(where: { $0 != UInt8(ascii: "\r") }) else { return .nothing }
        if first &- UInt8(ascii: "0") <= 9 {
            return timed(bytes, from: 0) { .frame($0) }
        }
        if bytes.starts(with: "http".utf8), let arrow = bytes.firstRange(of: Array(" -> ".utf8)) {
            let url = String(decoding: bytes[..<arrow.lowerBound], as: UTF8.self)
            return timed(bytes, from: arrow.upperBound) { .answer(url: url, $0) }
        }
        if bytes.starts(with: "ws".utf8) {
            guard let mark = bytes.firstRange(of: Array(" <-> ".utf8)),
                let time = RecordingTime.parse(bytes, mark.upperBound..<bytes.count)
            else { return .nothing }
            let url = String(decoding: bytes[..<mark.lowerBound], as: UTF8.self)
            return .line(RecordedLine(time: time, content: .connected(url: url)))
        }
        if bytes.starts(with: "configuration".utf8) || bytes.starts(with: "http".utf8) { return .nothing }
        return .bad("does not begin with a receive time")
    }

    /// Parses `time JSON` or `time: JSON` from `start` on; a message may also be a word, `pong`.
    private static func timed(
        _ bytes: [UInt8], from start: Int, _ content: ([UInt8]) -> Content
    ) -> Parsed {
        // A time may hold blanks and colons, a word none: the message begins at a bracket, or behind the last blank.
        let bracket = bytes[start...].firstIndex { $0 == UInt8(ascii: "{") || $0 == UInt8(ascii: "[") }
        let blank = bytes[start...].lastIndex(of: UInt8(ascii: " ")).map { $0 + 1 }
        guard let text = bracket ?? blank, text < bytes.count else {
            return .bad("holds nothing behind its receive time")
        }
        var end = text
        while end > start, bytes[end - 1] == UInt8(ascii: " ") || bytes[end - 1] == UInt8(ascii: ":") { end -= 1 }
        guard let time = RecordingTime.parse(bytes, start..<end) else {
            return .bad("has no receive time between 2009 and 2100")
        }
        return .line(RecordedLine(time: time, content: content(Array(bytes[text...]))))
    }
}
