import Runtime
import Microstructure

/// Reads lines of `receive_ns JSON` with frames of Binance's streams and the recorder's REST snapshots; also the text
/// of recorders that write `seconds: JSON` and `URL -> seconds: JSON`.
final class RawCaptureReader: MessageReader {
    private let path: String
    private let file: CaptureFile
    private var line = 0

    init(path: String) throws(LineReaderError) {
        self.path = path
        file = try CaptureFile(path: path)
    }

    var bytesRead: Int { file.bytesRead }

    func next(_ report: inout ImportReport) -> ImportMessage? {
        while let bytes = file.nextLine(&report) {
            line += 1
            switch parse(bytes) {
            case .message(let time, let content):
                return ImportMessage(receiveTime: time, line: line, content: content)
            case .nothing: continue
            case .bad(let reason): report.note(.badRow, path, line, reason)
            }
        }
        return nil
    }

    private enum Line {
        case message(Timestamp, ImportMessage.Content)
        /// A line that the recorder sent, or about itself.
        case nothing
        case bad(String)
    }

    private func parse(_ bytes: [UInt8]) -> Line {
        guard let first = bytes.first(where: { $0 != UInt8(ascii: "\r") }) else { return .nothing }
        if first &- UInt8(ascii: "0") <= 9 { return timed(bytes, from: 0, symbol: nil, mustBeSnapshot: false) }
        if bytes.starts(with: "http".utf8), let arrow = bytes.firstRange(of: Array(" -> ".utf8)) {
            let url = bytes[..<arrow.lowerBound]
            guard url.firstRange(of: Array("/depth?".utf8)) != nil else { return .nothing }
            let symbol = url.firstRange(of: Array("symbol=".utf8)).map { match in
                let name = url[match.upperBound...].prefix { $0 != UInt8(ascii: "&") }
                return SymbolName.normalized(name) ?? String(decoding: name, as: UTF8.self)
            }
            return timed(bytes, from: arrow.upperBound, symbol: symbol, mustBeSnapshot: true)
        }
        if bytes.starts(with: "ws".utf8) {
            guard let mark = bytes.firstRange(of: Array(" <-> ".utf8)),
                let time = RecordingTime.parse(bytes, mark.upperBound..<bytes.count)
            else { return .nothing }
            return .message(time, .connected)
        }
        if bytes.starts(with: "configuration".utf8) { return .nothing }
        return .bad("does not begin with a receive time")
    }

    /// Parses `time JSON` or `time: JSON` from `start` on.
    private func timed(_ bytes: [UInt8], from start: Int, symbol: String?, mustBeSnapshot: Bool) -> Line {
        guard let brace = bytes[start...].firstIndex(of: UInt8(ascii: "{")) else {
            return .bad("holds no JSON object behind its receive time")
        }
        var end = brace
        while end > start, bytes[end - 1] == UInt8(ascii: " ") || bytes[end - 1] == UInt8(ascii: ":") { end -= 1 }
        guard let time = RecordingTime.parse(bytes, start..<end) else {
            return .bad("has no receive time between 2009 and 2100")
        }
        let json = Array(bytes[brace...])
        let head = RawFrame.head(of: json)
        if mustBeSnapshot
            || RawFrame.value(of: "lastUpdateId", in: head) != nil
                && RawFrame.value(of: "stream", in: head) == nil
        {
            return .message(time, .snapshot(symbol: symbol, json))
        }
        return .message(time, .frame(symbol: Self.symbol(of: json), json))
    }

    /// The symbol of a frame, by its stream's name or its own field.
    private static func symbol(of json: [UInt8]) -> String? {
        // Keys may come in any order, also behind many levels.
        for part in [RawFrame.head(of: json), json[...]] {
            if let stream = RawFrame.text(of: "stream", in: part), let at = stream.firstIndex(of: UInt8(ascii: "@")) {
                return SymbolName.normalized(stream[..<at])
            }
            if let symbol = RawFrame.text(of: "s", in: part) { return SymbolName.normalized(symbol) }
        }
        return nil
    }
}

extension CaptureFile {
    /// The next line, or `nil` at the end; a file that cannot be read further is reported and ends.
    func nextLine(_ report: inout ImportReport) -> [UInt8]? {
        do throws(LineReaderError) {
            return try nextLine()
        } catch {
            report.note(.unreadable, path, error.line, "cannot be read further: \(error.problem)")
            return nil
        }
    }
}
