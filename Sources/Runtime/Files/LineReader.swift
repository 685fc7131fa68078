import CZlib
import Foundation

/// Why reading a file failed, and where.
package struct LineReaderError: Error, Sendable, Equatable, CustomStringConvertible {
    package enum Problem: Sendable, Equatable {
        case cannotOpen(reason: String)
        case cannotRead(reason: String)
        /// The compressed data are cut off. The text before was delivered.
        case truncated
        case corrupt(reason: String)
        case lineTooLong(limitBytes: Int)
    }

    package let path: String
    /// The line that could not be delivered, from 1.
    package let line: Int
    package let problem: Problem

    package init(path: String, line: Int, problem: Problem) {
        self.path = path
        self.line = line
        self.problem = problem
    }

    package var description: String {
        switch problem {
        case .cannotOpen(let reason): "cannot open \(path): \(reason)"
        case .cannotRead(let reason): "\(path), line \(line): cannot be read: \(reason)"
        case .truncated: "\(path), line \(line): the compressed data end in the middle"
        case .corrupt(let reason): "\(path), line \(line): \(reason)"
        case .lineTooLong(let limit): "\(path), line \(line): longer than \(limit) bytes"
        }
    }
}

/// Lines of a plain, gzip or Zstandard file or of the one file in a zip archive, told apart by the first bytes; one line
/// in memory at a time.
///
/// Consecutive gzip members or Zstandard frames form one text. A last line without a line end counts.
package struct LineReader: ~Copyable {
    /// Number of lines delivered.
    package private(set) var lineNumber = 0
    /// Bytes read from the file, before decoding: a progress bar compares them with its size.
    package private(set) var bytesRead = 0

    private static let chunkBytes = 1 << 16

    private let path: String
    private let maxLineBytes: Int
    private let file: ReadOnlyFile
    private let decompressor: Decompressor
    /// Read from the file and not decoded: `input[inputUsed..<inputEnd]`.
    private var input: [UInt8]
    private var inputUsed = 0
    private var inputEnd: Int
    /// Decoded and not delivered: `text[textUsed..<textEnd]`.
    private var text = [UInt8](repeating: 0, count: Self.chunkBytes)
    private var textUsed = 0
    private var textEnd = 0
    /// The compressed data may end here.
    private var isComplete = true
    /// The file in a zip archive; `nil` for other files.
    private let member: ZipMember?
    /// Bytes of the member not read yet.
    private var packedLeft = UInt64.max
    /// Checksum and length of the member's text so far.
    private var checksum: UInt = 0
    private var unpackedBytes: UInt64 = 0
    private var isAtEnd = false
    private var failure: LineReaderError?

    /// - Parameter maxLineBytes: a longer line is an error; it is not buffered.
    package init(path: String, maxLineBytes: Int = 1 << 20) throws(LineReaderError) {
        precondition(maxLineBytes > 0)
        guard let file = ReadOnlyFile(opening: path) else {
            throw LineReaderError(path: path, line: 1, problem: .cannotOpen(reason: Self.systemReason))
        }
        var input = [UInt8](repeating: 0, count: Self.chunkBytes)
        var inputEnd = 0
        // A pipe may give the magic bytes one by one.
        while inputEnd < 4 {
            guard let count = file.read(into: &input, from: inputEnd) else {
                throw LineReaderError(path: path, line: 1, problem: .cannotRead(reason: Self.systemReason))
            }
            if count == 0 { break }
            inputEnd += count
        }
        bytesRead = inputEnd
        let member: ZipMember?
        do throws(ZipMember.Problem) {
            member = try ZipMember.isArchive(input[0..<inputEnd]) ? ZipMember(file) : nil
        } catch {
            throw LineReaderError(path: path, line: 1, problem: .cannotOpen(reason: error.reason))
        }
        if let member {
            guard file.seek(to: member.offset) else {
                throw LineReaderError(path: path, line: 1, problem: .cannotRead(reason: Self.systemReason))
            }
            inputEnd = 0
            packedLeft = member.packedBytes
        }
        guard let decompressor = member.map({ Decompressor($0) }) ?? Decompressor(magic: input[0..<inputEnd]) else {
            throw LineReaderError(path: path, line: 1, problem: .cannotOpen(reason: "no memory to decompress"))
        }
        self.member = member
        self.path = path
        self.maxLineBytes = maxLineBytes
        self.file = file
        self.decompressor = decompressor
        self.input = input
        self.inputEnd = inputEnd
    }

    /// The next line without its end, or `nil` behind the last. After an error, the same error again.
    package mutating func next() throws(LineReaderError) -> [UInt8]? {
        if let failure { throw failure }
        var line: [UInt8] = []
        while true {
            if let end = text[textUsed..<textEnd].firstIndex(of: UInt8(ascii: "\n")) {
                try append(upTo: end, to: &line)
                textUsed = end + 1
                lineNumber += 1
                return line
            }
            try append(upTo: textEnd, to: &line)
            textUsed = textEnd
            guard try decodeMore() else { break }
        }
        guard !line.isEmpty else { return nil }
        lineNumber += 1
        return line
    }

    private mutating func append(upTo end: Int, to line: inout [UInt8]) throws(LineReaderError) {
        guard line.count + end - textUsed <= maxLineBytes else { throw fail(.lineTooLong(limitBytes: maxLineBytes)) }
        line.append(contentsOf: text[textUsed..<end])
    }

    /// `false` at the end.
    private mutating func decodeMore() throws(LineReaderError) -> Bool {
        textUsed = 0
        textEnd = 0
        while textEnd == 0 {
            if inputUsed == inputEnd, !isAtEnd {
                guard let count = file.read(into: &input, from: 0, upTo: Int(min(packedLeft, UInt64(input.count))))
                else {
                    throw fail(.cannotRead(reason: Self.systemReason))
                }
                if member != nil { packedLeft -= UInt64(count) }
                inputUsed = 0
                inputEnd = count
                bytesRead += count
                isAtEnd = count == 0
            }
            // At the end a decompressor may still hold text back; it says so by making progress without input.
            if isAtEnd, isComplete {
                try checkMember()
                return false
            }
            let step: Decompressor.Step
            do throws(Decompressor.Corruption) {
                step = try decompressor.decode(input[inputUsed..<inputEnd], into: &text)
            } catch {
                throw fail(.corrupt(reason: error.reason))
            }
            inputUsed += step.consumed
            textEnd = step.produced
            isComplete = step.isComplete
            if member != nil {
                checksum = text.withUnsafeBufferPointer { crc32(checksum, $0.baseAddress, UInt32(step.produced)) }
                unpackedBytes += UInt64(step.produced)
            }
            if isAtEnd, step.produced == 0, !isComplete { throw fail(.truncated) }
        }
        return true
    }

    /// The whole text of a zip archive's file must have the length and checksum that its directory states.
    private mutating func checkMember() throws(LineReaderError) {
        guard let member else { return }
        guard unpackedBytes == member.byteCount else { throw fail(.truncated) }
        guard checksum == UInt(member.checksum) else {
            throw fail(.corrupt(reason: "the checksum of the zip archive is not that of the text before"))
        }
    }

    private mutating func fail(_ problem: LineReaderError.Problem) -> LineReaderError {
        let error = LineReaderError(path: path, line: lineNumber + 1, problem: problem)
        failure = error
        return error
    }

    private static var systemReason: String { String(cString: strerror(errno)) }
}

/// An open file. Corresponds to `open`, `read`, `close`.
struct ReadOnlyFile: ~Copyable {
    private let descriptor: Int32

    init?(opening path: String) {
        descriptor = open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { return nil }
    }

    deinit { if descriptor >= 0 { close(descriptor) } }

    /// Bytes read to `buffer[start..<end]`; 0 at the end, `nil` for an error (in `errno`).
    borrowing func read(into buffer: inout [UInt8], from start: Int, upTo end: Int? = nil) -> Int? {
        while true {
            let count = buffer.withUnsafeMutableBytes {
                Foundation.read(descriptor, $0.baseAddress?.advanced(by: start), (end ?? $0.count) - start)
            }
            if count >= 0 { return count }
            if errno != EINTR { return nil }
        }
    }
    /// Size of a regular file; `nil` for a pipe or device.
    var byteCount: UInt64? {
        var status = stat()
        guard fstat(descriptor, &status) == 0, status.st_mode & S_IFMT == S_IFREG else { return nil }
        return UInt64(max(0, status.st_size))
    }

    borrowing func seek(to offset: UInt64) -> Bool { lseek(descriptor, off_t(offset), SEEK_SET) >= 0 }

    /// The `count` bytes at `offset`; `nil` if the file does not have them.
    borrowing func bytes(at offset: UInt64, count: Int) -> [UInt8]? {
        var bytes = [UInt8](repeating: 0, count: count)
        var used = 0
        while used < count {
            let step = bytes.withUnsafeMutableBytes {
                pread(descriptor, $0.baseAddress?.advanced(by: used), count - used, off_t(offset) + off_t(used))
            }
            guard step > 0 || (step < 0 && errno == EINTR) else { return nil }
            used += max(0, step)
        }
        return bytes
    }
}
