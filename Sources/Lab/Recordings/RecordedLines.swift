import Microstructure
import Runtime

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
