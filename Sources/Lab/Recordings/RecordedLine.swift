import Microstructure
import Runtime

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

    /// Parses `time text` or `time: text` from `start` on.
    private static func timed(
        _ bytes: [UInt8], from start: Int, _ content: ([UInt8]) -> Content
    ) -> Parsed {
        var end = start
        while end < bytes.count, bytes[end] != UInt8(ascii: " "), bytes[end] != UInt8(ascii: ":") { end += 1 }
        guard let time = RecordingTime.parse(bytes, start..<end) else {
            return .bad("has no receive time between 2009 and 2100")
        }
        var text = end
        while text < bytes.count, bytes[text] == UInt8(ascii: " ") || bytes[text] == UInt8(ascii: ":") { text += 1 }
        guard text < bytes.count else { return .bad("holds nothing behind its receive time") }
        return .line(RecordedLine(time: time, content: content(Array(bytes[text...]))))
    }
}

/// The lines of several recordings as one, in the order of their times; files are read as they come, each in its own order.
struct RecordedLines {
    private struct Source {
        let file: CaptureFile
        var number = 0
        var head: (line: RecordedLine, number: Int)?
    }

    private var sources: [Source] = []

    init(_ paths: [String], _ report: inout ImportReport) throws(ImportError) {
        for path in paths {
            do throws(LineReaderError) {
                sources.append(Source(file: try CaptureFile(path: path)))
            } catch {
                throw ImportError(error)
            }
        }
        for index in sources.indices { advance(index, &report) }
    }

    var bytesRead: Int { sources.reduce(0) { $0 + $1.file.bytesRead } }

    private mutating func advance(_ index: Int, _ report: inout ImportReport) {
        sources[index].head = nil
        while let bytes = sources[index].file.nextLine(&report) {
            sources[index].number += 1
            switch RecordedLine.parse(bytes) {
            case .line(let line):
                sources[index].head = (line, sources[index].number)
                return
            case .nothing: continue
            case .bad(let reason):
                report.note(.badRow, sources[index].file.path, sources[index].number, reason)
            }
        }
    }

    /// The next line with its file and number, or `nil` behind the last.
    mutating func next(_ report: inout ImportReport) -> (line: RecordedLine, path: String, number: Int)? {
        var first: Int?
        for index in sources.indices {
            guard let time = sources[index].head?.line.time else { continue }
            if let best = first.flatMap({ sources[$0].head?.line.time }), best <= time { continue }
            first = index
        }
        guard let first, let head = sources[first].head else { return nil }
        advance(first, &report)
        return (head.line, sources[first].file.path, head.number)
    }
}
