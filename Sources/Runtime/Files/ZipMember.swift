/// The one file in a zip archive, as the venue's dumps are downloaded: found by the archive's directory, zip64 included.
///
/// Source: PKWARE APPNOTE 6.3.10, sections 4.3 and 4.5.3.
struct ZipMember {
    struct Problem: Error { let reason: String }

    /// A larger directory is refused.
    private static let directoryLimit: UInt64 = 16 << 20

    private(set) var name = ""
    /// Packed with deflate; otherwise stored as it is.
    private(set) var isDeflated = false
    /// Where its packed bytes begin, and how many there are.
    private(set) var offset: UInt64 = 0
    private(set) var packedBytes: UInt64 = 0
    /// Length and CRC-32 of its text.
    private(set) var byteCount: UInt64 = 0
    private(set) var checksum: UInt32 = 0

    static func isArchive(_ magic: ArraySlice<UInt8>) -> Bool { magic.starts(with: [0x50, 0x4B, 3, 4]) }

    init(_ file: borrowing ReadOnlyFile) throws(Problem) {
        guard let size = file.byteCount else {
            throw Problem(reason: "a zip archive is read from a file only, not from a pipe; unpack it first")
        }
        let directory = try Self.directory(file, size)
        var files: [Entry] = []
        var position = 0
        while let entry = Entry(directory, at: &position) {
            if !entry.isFolder, !entry.name.hasPrefix("__MACOSX/") { files.append(entry) }
        }
        guard files.count == 1, let entry = files.first else {
            let names = files.prefix(3).map(\.name).joined(separator: ", ")
            throw Problem(
                reason: files.isEmpty
                    ? "the zip archive holds no file"
                    : "the zip archive holds \(files.count) files (\(names)\(files.count > 3 ? ", …" : "")); "
                        + "unpack it and name those wanted")
        }
        guard !entry.isEncrypted else {
            throw Problem(reason: "\(entry.name) in the zip archive is encrypted; unpack it with its password first")
        }
        guard entry.method == 0 || entry.method == 8 else {
            throw Problem(
                reason:
                    "\(entry.name) in the zip archive is packed by method \(entry.method), and only deflate is read; "
                    + "unpack it first")
        }
        guard entry.headerOffset < size, let header = file.bytes(at: entry.headerOffset, count: 30),
            header.number(at: 0, bytes: 4) == 0x0403_4B50
        else { throw Problem(reason: "the directory of the zip archive points to no file") }
        offset = entry.headerOffset + 30 + header.number(at: 26, bytes: 2) + header.number(at: 28, bytes: 2)
        guard offset <= size, entry.packedBytes <= size - offset else {
            throw Problem(reason: "the directory of the zip archive points beyond its end")
        }
        name = entry.name
        isDeflated = entry.method == 8
        packedBytes = entry.packedBytes
        byteCount = entry.byteCount
        checksum = entry.checksum
    }

    /// The central directory, which stands before the end record.
    private static func directory(_ file: borrowing ReadOnlyFile, _ size: UInt64) throws(Problem) -> [UInt8] {
        let broken = Problem(reason: "the zip archive has no directory at its end: it is cut off, or in several parts")
        // The record has 22 bytes, and a comment of up to 65,535 after it.
        let tailSize = min(size, 22 + 65_535)
        guard tailSize >= 22, let tail = file.bytes(at: size - tailSize, count: Int(tailSize)),
            let end = (0...tail.count - 22).last(where: {
                tail.number(at: $0, bytes: 4) == 0x0605_4B50
                    && $0 + 22 + Int(tail.number(at: $0 + 20, bytes: 2)) <= tail.count
            })
        else { throw broken }
        var count = tail.number(at: end + 12, bytes: 4)
        var offset = tail.number(at: end + 16, bytes: 4)
        if count == 0xFFFF_FFFF || offset == 0xFFFF_FFFF || tail.number(at: end + 10, bytes: 2) == 0xFFFF {
            // zip64: a locator of 20 bytes stands before, and leads to the wider record.
            guard end >= 20, tail.number(at: end - 20, bytes: 4) == 0x0706_4B50 else { throw broken }
            let place = tail.number(at: end - 12, bytes: 8)
            guard place < size, let record = file.bytes(at: place, count: 56),
                record.number(at: 0, bytes: 4) == 0x0606_4B50
            else { throw broken }
            count = record.number(at: 40, bytes: 8)
            offset = record.number(at: 48, bytes: 8)
        }
        guard count <= Self.directoryLimit, offset <= size, let bytes = file.bytes(at: offset, count: Int(count)) else {
            throw broken
        }
        return bytes
    }

    /// One entry of the directory.
    private struct Entry {
        let name: String
        let method: UInt64
        let isEncrypted: Bool
        let checksum: UInt32
        let packedBytes: UInt64
        let byteCount: UInt64
        let headerOffset: UInt64

        var isFolder: Bool { name.hasSuffix("/") }

        /// `nil` after the last entry.
        init?(_ bytes: [UInt8], at position: inout Int) {
            guard position + 46 <= bytes.count, bytes.number(at: position, bytes: 4) == 0x0201_4B50 else { return nil }
            let start = position
            func number(_ place: Int, _ count: Int) -> UInt64 { bytes.number(at: start + place, bytes: count) }
            let nameEnd = start + 46 + Int(number(28, 2))
            let extraEnd = nameEnd + Int(number(30, 2))
            guard extraEnd <= bytes.count else { return nil }
            position = extraEnd + Int(number(32, 2))
            name = String(decoding: bytes[start + 46..<nameEnd], as: UTF8.self)
            method = number(10, 2)
            isEncrypted = number(8, 2) & 1 != 0 || method == 99
            checksum = UInt32(number(16, 4))
            // Numbers that do not fit stand in the zip64 field instead, in this order.
            var wide = Self.wideNumbers(bytes[nameEnd..<extraEnd])
            func full(_ narrow: UInt64) -> UInt64 {
                narrow == 0xFFFF_FFFF && !wide.isEmpty ? wide.removeFirst() : narrow
            }
            byteCount = full(number(24, 4))
            packedBytes = full(number(20, 4))
            headerOffset = full(number(42, 4))
        }

        private static func wideNumbers(_ extra: ArraySlice<UInt8>) -> [UInt64] {
            let extra = Array(extra)
            var place = 0
            while place + 4 <= extra.count {
                let (kind, count) = (extra.number(at: place, bytes: 2), Int(extra.number(at: place + 2, bytes: 2)))
                guard place + 4 + count <= extra.count else { break }
                if kind == 1 {
                    return stride(from: place + 4, to: place + 4 + count - 7, by: 8).map {
                        extra.number(at: $0, bytes: 8)
                    }
                }
                place += 4 + count
            }
            return []
        }
    }
}

extension [UInt8] {
    /// A number of `count` bytes, the lowest first.
    fileprivate func number(at place: Int, bytes count: Int) -> UInt64 {
        (0..<count).reduce(0) { $0 | UInt64(self[place + $1]) << UInt64(8 * $1) }
    }
}
