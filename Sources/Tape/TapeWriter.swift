import Runtime
import Foundation
import Microstructure
import Wire

/// Writes one segment of a tape, block by block.
///
/// The file always ends with a complete block: a failed write is undone, and its blocks wait for the next `flush()`, up
/// to a limit. Lives on one thread.
package final class TapeWriter {
    /// Default for the most bytes of sealed blocks that wait for the disk: some minutes of a busy market.
    package static let bufferBytes = 64 << 20

    /// Records taken, written or waiting.
    package private(set) var recordCount: UInt64 = 0
    /// Receive time of the first record taken.
    package private(set) var firstTime: Timestamp?

    private let bufferLimit: Int
    private var file: SegmentFile
    private var builder: TapeBlockBuilder
    /// Blocks on disk, then waiting blocks.
    private var blocks: [TapeBlock] = []
    /// Sealed blocks not yet written, in order.
    private var waiting: [[UInt8]] = []
    private var waitingBytes = 0

    /// Creates the file, which must not exist.
    /// - Parameters:
    ///   - level: Zstandard's, 1 (fast) to 19 (small).
    ///   - isDurable: a block counts as written only once it is on the disk, not only in its cache.
    ///   - bufferLimit: most bytes of sealed blocks that wait; beyond it `append` throws.
    package init(
        path: String, created: Timestamp, level: Int = 3, isDurable: Bool = false,
        bufferLimit: Int = TapeWriter.bufferBytes
    ) throws(TapeError) {
        let builder = try TapeBlockBuilder(level: level)
        file = try SegmentFile(
            creating: path, header: TapeFormat.fileHeader(created: created.nanoseconds), isDurable: isDurable)
        self.builder = builder
        self.bufferLimit = bufferLimit
    }

    package var path: String { file.path }
    /// Bytes of the segment on disk; the index is not counted before it is written.
    package var byteCount: UInt64 { file.byteCount }
    /// Bytes that a crash of the process would lose now.
    package var bufferedBytes: Int { waitingBytes + builder.byteCount }

    /// Takes a record, and writes a block where one is full.
    ///
    /// Throws `.bufferFull` or `.badRecord` if the record was not taken. Throws `.cannotWrite` if writing fails; the
    /// record was taken and waits.
    package func append(topic: [UInt8], body: [UInt8], receiveTime: Timestamp) throws(TapeError) {
        guard waitingBytes < bufferLimit else { throw .bufferFull(limitBytes: bufferLimit) }
        try builder.append(topic: topic, body: body, receiveTime: receiveTime)
        recordCount += 1
        if firstTime == nil { firstTime = receiveTime }
        if builder.isFull { try flush() }
    }

    /// Writes all that was taken. After `.cannotWrite` nothing is lost: call it again.
    package func flush() throws(TapeError) {
        var bytes: [UInt8] = []
        if var block = try builder.seal(into: &bytes) {
            block.offset = byteCount + UInt64(waitingBytes)
            blocks.append(block)
            waiting.append(bytes)
            waitingBytes += bytes.count
        }
        var written = 0
        defer { waiting.removeFirst(written) }
        while written < waiting.count {
            try file.append(waiting[written])
            waitingBytes -= waiting[written].count
            written += 1
        }
    }

    /// Writes what is left, the index and the trailer. The segment takes no records afterwards.
    package func finish() throws(TapeError) {
        try flush()
        // Sync the whole file, even if blocks were not durable: it is about to be renamed or relied upon.
        try file.append(TapeIndex.encode(blocks, at: byteCount), isDurable: true)
    }
}

/// A segment on disk, open for writing. Corresponds to `open`, `pwrite`, `fdatasync`, `ftruncate`, `close`.
struct SegmentFile: ~Copyable {
    let path: String
    private(set) var byteCount: UInt64 = 0
    private let descriptor: Int32
    private let isDurable: Bool

    /// The file must not exist.
    init(creating path: String, header: [UInt8], isDurable: Bool) throws(TapeError) {
        let descriptor = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0o644)
        guard descriptor >= 0 else { throw .cannotCreate(path, reason: TapeFile.systemReason) }
        if let reason = Self.write(header, to: descriptor, at: 0, isDurable) {
            close(descriptor)
            unlink(path)
            throw .cannotCreate(path, reason: reason)
        }
        if isDurable { FolderSync.sync(URL(filePath: path).deletingLastPathComponent().path) }
        self.path = path
        self.descriptor = descriptor
        self.isDurable = isDurable
        byteCount = UInt64(header.count)
    }

    deinit { close(descriptor) }

    /// Writes all of `bytes` or nothing.
    mutating func append(_ bytes: [UInt8], isDurable: Bool = false) throws(TapeError) {
        if let reason = Self.write(bytes, to: descriptor, at: byteCount, isDurable || self.isDurable) {
            throw .cannotWrite(path, reason: reason)
        }
        byteCount += UInt64(bytes.count)
    }

    /// Returns `nil`, or why writing failed; the file then ends at `offset` as before.
    private static func write(
        _ bytes: [UInt8], to descriptor: Int32, at offset: UInt64, _ isDurable: Bool
    ) -> String? {
        var used = 0
        while used < bytes.count {
            let count = bytes.withUnsafeBytes {
                pwrite(descriptor, $0.baseAddress?.advanced(by: used), $0.count - used, off_t(offset) + off_t(used))
            }
            if count > 0 { used += count } else if count == 0 || errno != EINTR { break }
        }
        guard used == bytes.count, !isDurable || fdatasync(descriptor) == 0 else {
            let reason = TapeFile.systemReason
            ftruncate(descriptor, off_t(offset))
            return reason
        }
        return nil
    }
}
