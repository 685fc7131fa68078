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
        // Answers to other requests say nothing of a book.
        if bytes.starts(with: "http".utf8), bytes.firstRange(of: Array("/depth?".utf8)) == nil { return .nothing }
        switch RecordedLine.parse(bytes) {
        case .nothing: return .nothing
        case .bad(let reason): return .bad(reason)
        case .line(let line):
            switch line.content {
            case .connected: return .message(line.time, .connected)
            case .frame(let text): return content(text, line.time)
            case .answer(let url, let text):
                guard text.first == UInt8(ascii: "{") else { return Self.noObject }
                return .message(line.time, .snapshot(symbol: Self.symbol(ofAddress: url), text))
            }
        }
    }

    private static let noObject = Line.bad("holds no JSON object behind its receive time")

    private func content(_ json: [UInt8], _ time: Timestamp) -> Line {
        guard json.first == UInt8(ascii: "{") else { return Self.noObject }
        let head = RawFrame.head(of: json)
        if RawFrame.value(of: "lastUpdateId", in: head) != nil, RawFrame.value(of: "stream", in: head) == nil {
            return .message(time, .snapshot(symbol: nil, json))
        }
        return .message(time, .frame(symbol: Self.symbol(of: json), json))
    }

    private static func symbol(ofAddress url: String) -> String? {
        guard let match = url.firstRange(of: "symbol=") else { return nil }
        let name = url[match.upperBound...].prefix { $0 != "&" }
        return SymbolName.normalized(name.utf8) ?? String(name)
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
