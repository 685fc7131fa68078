import Microstructure

/// The messages of several files as one, in the order of their receive times.
///
/// Rows up to `window` rows out of order within their file are sorted. A row that comes even later is reported and left
/// out, since later messages are already written. Equal times keep the order of the files, then of the lines.
struct OrderedMessages {
    static let window = 1_000

    private struct File {
        let path: String
        let reader: any MessageReader
        /// Read and not handed on, sorted: `waiting[used...]`.
        var waiting: [ImportMessage] = []
        var used = 0
        var isAtEnd = false
    }

    private var files: [File]
    private var last = Timestamp(nanoseconds: .min)

    init(_ files: [(path: String, reader: any MessageReader)]) {
        self.files = files.map { File(path: $0.path, reader: $0.reader) }
    }

    var bytesRead: Int { files.reduce(0) { $0 + $1.reader.bytesRead } }

    /// The next message and the index of its file.
    mutating func next(_ report: inout ImportReport) -> (message: ImportMessage, file: Int)? {
        var earliest: Int?
        for index in files.indices {
            fill(index, &report)
            guard files[index].used < files[index].waiting.count else { continue }
            if let other = earliest, head(other) <= head(index) { continue }
            earliest = index
        }
        guard let earliest else { return nil }
        let message = files[earliest].waiting[files[earliest].used]
        files[earliest].used += 1
        last = message.receiveTime
        return (message, earliest)
    }

    private func head(_ index: Int) -> Timestamp { files[index].waiting[files[index].used].receiveTime }

    private mutating func fill(_ index: Int, _ report: inout ImportReport) {
        while !files[index].isAtEnd, files[index].waiting.count - files[index].used <= Self.window {
            guard let message = files[index].reader.next(&report) else {
                files[index].isAtEnd = true
                return
            }
            guard message.receiveTime >= last else {
                report.note(
                    .tooLate, files[index].path, message.line,
                    "received \(microseconds(last, since: message.receiveTime)) µs before the rows before it")
                continue
            }
            if files[index].used > 4 * Self.window {
                files[index].waiting.removeFirst(files[index].used)
                files[index].used = 0
            }
            var place = files[index].waiting.count
            while place > files[index].used, files[index].waiting[place - 1].receiveTime > message.receiveTime {
                place -= 1
            }
            if place < files[index].waiting.count, let newest = files[index].waiting.last {
                report.note(
                    .outOfOrder, files[index].path, message.line,
                    "received \(microseconds(newest.receiveTime, since: message.receiveTime)) µs before the row above")
            }
            files[index].waiting.insert(message, at: place)
        }
    }

    private func microseconds(_ time: Timestamp, since other: Timestamp) -> Int64 {
        time.nanoseconds(since: other) / 1_000
    }
}
