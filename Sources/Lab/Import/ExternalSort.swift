import Foundation
import Tape

/// Sorts records by their keys in bounded memory: sorted runs go to a temporary file and are merged.
///
/// The file has no name while it is used, so that nothing stays behind however the process ends. Disk needed: about
/// 110 bytes for each trade.
final class ExternalSort {
    /// Most bytes of records in memory.
    static let memoryBytes = 128 << 20

    struct Key: Hashable, Comparable {
        var major: Int64
        var middle: Int64
        var minor: Int64
        /// Where the record comes from; no two records share it.
        var file: Int32
        var line: Int64

        static let byteCount = 36

        static func < (left: Key, right: Key) -> Bool {
            if left.major != right.major { return left.major < right.major }
            if left.middle != right.middle { return left.middle < right.middle }
            if left.minor != right.minor { return left.minor < right.minor }
            if left.file != right.file { return left.file < right.file }
            return left.line < right.line
        }
    }

    private struct Entry {
        let key: Key
        let start: Int
        let count: Int
    }

    private let folder: String
    private let memoryBytes: Int
    private var entries: [Entry] = []
    private var bytes: [UInt8] = []
    /// The next of `entries` to be given out, where everything fitted in memory.
    private var nextEntry = 0
    private var file: ScratchFile?
    private var runs: [Run] = []
    /// Indices of `runs` as a binary heap, the least key first.
    private var heap: [Int] = []

    /// - Parameter folder: takes the temporary file, which exists only if the records do not fit in memory.
    init(folder: String, memoryBytes: Int = ExternalSort.memoryBytes) {
        self.folder = folder
        self.memoryBytes = memoryBytes
    }

    func append(_ key: Key, _ record: [UInt8]) throws(ImportError) {
        entries.append(Entry(key: key, start: bytes.count, count: record.count))
        bytes.append(contentsOf: record)
        if bytes.count + entries.count * MemoryLayout<Entry>.stride >= memoryBytes { try spill() }
    }

    /// Call it once, after the last record.
    func sort() throws(ImportError) {
        guard file != nil else { return entries.sort { $0.key < $1.key } }
        try spill()
        let chunk = max(64 << 10, min(1 << 20, memoryBytes / max(1, runs.count)))
        for index in runs.indices {
            runs[index].chunk = chunk
            if try runs[index].advance(file) { heap.append(index) }
        }
        for place in (0..<heap.count / 2).reversed() { sink(place) }
    }

    /// The record with the least key of those left, or `nil`.
    func next() throws(ImportError) -> (key: Key, record: [UInt8])? {
        guard file != nil else {
            guard nextEntry < entries.count else { return nil }
            defer { nextEntry += 1 }
            let entry = entries[nextEntry]
            return (entry.key, Array(bytes[entry.start..<entry.start + entry.count]))
        }
        guard let index = heap.first else { return nil }
        let result = (runs[index].key, runs[index].record)
        if try !runs[index].advance(file) {
            heap.swapAt(0, heap.count - 1)
            heap.removeLast()
        }
        sink(0)
        return result
    }

    private func sink(_ place: Int) {
        var place = place
        while true {
            var least = place
            for child in [2 * place + 1, 2 * place + 2]
            where child < heap.count && runs[heap[child]].key < runs[heap[least]].key { least = child }
            guard least != place else { return }
            heap.swapAt(place, least)
            place = least
        }
    }

    /// Writes the records in memory as a sorted run.
    private func spill() throws(ImportError) {
        guard !entries.isEmpty else { return }
        if file == nil { file = try ScratchFile(folder: folder) }
        guard let file else { return }
        entries.sort { $0.key < $1.key }
        let begin = file.byteCount
        var buffer: [UInt8] = []
        for entry in entries {
            buffer.append(entry.key)
            buffer.append(number: Int32(entry.count))
            buffer.append(contentsOf: bytes[entry.start..<entry.start + entry.count])
            guard buffer.count >= 1 << 20 else { continue }
            try file.append(buffer)
            buffer.removeAll(keepingCapacity: true)
        }
        try file.append(buffer)
        runs.append(Run(position: begin, end: file.byteCount))
        entries.removeAll(keepingCapacity: true)
        bytes.removeAll(keepingCapacity: true)
    }

    /// A sorted run on disk, read chunk by chunk.
    private struct Run {
        /// What is left to be read: `position..<end`.
        var position: UInt64
        let end: UInt64
        var chunk = 0
        private var buffer: [UInt8] = []
        private var used = 0
        private(set) var key = Key(major: 0, middle: 0, minor: 0, file: 0, line: 0)
        private(set) var record: [UInt8] = []

        init(position: UInt64, end: UInt64) {
            self.position = position
            self.end = end
        }

        /// Moves to the next record; `false` after the last.
        mutating func advance(_ file: ScratchFile?) throws(ImportError) -> Bool {
            guard try fill(Key.byteCount + 4, file) else { return false }
            var reader = ByteReader(bytes: buffer, position: used)
            key = reader.key()
            let count = Int(reader.number(Int32.self))
            used += Key.byteCount + 4
            guard try fill(count, file) else { return false }
            record = Array(buffer[used..<used + count])
            used += count
            return true
        }

        private mutating func fill(_ count: Int, _ file: ScratchFile?) throws(ImportError) -> Bool {
            guard buffer.count - used < count else { return true }
            guard position < end, let file else { return false }
            buffer.removeFirst(used)
            used = 0
            let step = min(max(chunk, count), Int(end - position))
            buffer += try file.bytes(at: position, count: step)
            position += UInt64(step)
            return buffer.count >= count
        }
    }
}

/// A file without a name. Corresponds to `open`, `unlink`, `pwrite`, `pread`, `close`.
private final class ScratchFile {
    private let descriptor: Int32
    private let folder: String
    private(set) var byteCount: UInt64 = 0

    init(folder: String) throws(ImportError) {
        self.folder = folder
        let path = "\(folder)/.sort-\(getpid())-\(UUID().uuidString)"
        descriptor = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0o600)
        guard descriptor >= 0 else {
            throw ImportError(.cannotCreate, "cannot create a temporary file in \(folder): \(TapeFile.systemReason)")
        }
        unlink(path)
    }

    deinit { if descriptor >= 0 { close(descriptor) } }

    func append(_ bytes: [UInt8]) throws(ImportError) {
        var used = 0
        while used < bytes.count {
            let count = bytes.withUnsafeBytes {
                pwrite(
                    descriptor, $0.baseAddress?.advanced(by: used), $0.count - used,
                    off_t(byteCount) + off_t(used))
            }
            guard count > 0 || (count < 0 && errno == EINTR) else {
                throw ImportError(
                    .inputOutput,
                    "cannot write the temporary file in \(folder), which sorts the rows: \(TapeFile.systemReason)")
            }
            used += max(0, count)
        }
        byteCount += UInt64(bytes.count)
    }

    func bytes(at offset: UInt64, count: Int) throws(ImportError) -> [UInt8] {
        var bytes = [UInt8](repeating: 0, count: count)
        var used = 0
        while used < count {
            let step = bytes.withUnsafeMutableBytes {
                pread(descriptor, $0.baseAddress?.advanced(by: used), count - used, off_t(offset) + off_t(used))
            }
            guard step > 0 || (step < 0 && errno == EINTR) else {
                throw ImportError(
                    .inputOutput, "cannot read the temporary file in \(folder): \(TapeFile.systemReason)")
            }
            used += max(0, step)
        }
        return bytes
    }
}

/// Numbers as bytes of this host, for temporary files.
extension [UInt8] {
    mutating func append(number: some FixedWidthInteger) {
        Swift.withUnsafeBytes(of: number) { append(contentsOf: $0) }
    }

    fileprivate mutating func append(_ key: ExternalSort.Key) {
        append(number: key.major)
        append(number: key.middle)
        append(number: key.minor)
        append(number: key.file)
        append(number: key.line)
    }
}

/// Reads what `append(number:)` wrote.
struct ByteReader {
    let bytes: [UInt8]
    var position: Int

    mutating func number<Number: FixedWidthInteger>(_ type: Number.Type = Number.self) -> Number {
        defer { position += MemoryLayout<Number>.size }
        return bytes.withUnsafeBytes { $0.loadUnaligned(fromByteOffset: position, as: Number.self) }
    }

    fileprivate mutating func key() -> ExternalSort.Key {
        ExternalSort.Key(major: number(), middle: number(), minor: number(), file: number(), line: number())
    }
}
