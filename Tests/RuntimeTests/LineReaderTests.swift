@testable import Runtime
import CZlib
import CZstd
import Foundation
import Testing

struct LineReaderTests {
    enum Packing: String, CaseIterable { case plain, gzip, zstandard }

    private let folder: URL

    init() throws {
        folder = FileManager.default.temporaryDirectory.appendingPathComponent("line-reader-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    }

    private func write(_ data: Data) throws -> String {
        let path = folder.appendingPathComponent(UUID().uuidString).path
        try data.write(to: URL(fileURLWithPath: path))
        return path
    }

    private func pack(_ text: String, _ packing: Packing) throws -> Data {
        let bytes = [UInt8](text.utf8)
        switch packing {
        case .plain: return Data(bytes)
        case .gzip:
            let path = folder.appendingPathComponent(UUID().uuidString).path
            let file = try #require(gzopen(path, "wb"))
            if !bytes.isEmpty { #expect(gzwrite(file, bytes, UInt32(bytes.count)) == Int32(bytes.count)) }
            #expect(gzclose(file) == Z_OK)
            return try Data(contentsOf: URL(fileURLWithPath: path))
        case .zstandard:
            let context = ZSTD_createCCtx()
            defer { ZSTD_freeCCtx(context) }
            // As the command zstd does; without it a changed literal goes unnoticed.
            ZSTD_CCtx_setParameter(context, ZSTD_c_checksumFlag, 1)
            var packed = [UInt8](repeating: 0, count: ZSTD_compressBound(bytes.count))
            let count = ZSTD_compress2(context, &packed, packed.count, bytes, bytes.count)
            #expect(ZSTD_isError(count) == 0)
            return Data(packed[..<count])
        }
    }

    /// All lines up to the end or an error.
    private func read(_ path: String, maxLineBytes: Int = 1 << 20) throws -> (lines: [String], error: LineReaderError?)
    {
        var lines: [String] = []
        var reader = try LineReader(path: path, maxLineBytes: maxLineBytes)
        do throws(LineReaderError) {
            while let line = try reader.next() {
                lines.append(String(decoding: line, as: UTF8.self))
                #expect(reader.lineNumber == lines.count)
            }
        } catch {
            #expect(throws: error) { _ = try reader.next() }
            return (lines, error)
        }
        return (lines, nil)
    }

    /// Lines of 0…2,000 bytes, some 1 MB: many chunks of any kind; every hundredth is as long as three chunks.
    private static let manyLines = (0..<1_000).map { number in
        "\(number) " + String(repeating: "x\(number * 7_919)", count: number % 100 == 99 ? 30_000 : number % 250)
    }

    @Test(arguments: Packing.allCases)
    func allLinesComeInOrder(packing: Packing) throws {
        let text = Self.manyLines.joined(separator: "\n") + "\n"
        let (lines, error) = try read(write(pack(text, packing)))
        #expect(lines == Self.manyLines && error == nil)
    }

    @Test(arguments: Packing.allCases)
    func theEdgesOfATextAreLines(packing: Packing) throws {
        for (text, expected) in [
            ("", []), ("\n", [""]), ("a", ["a"]), ("a\n\nb", ["a", "", "b"]), ("a\r\n", ["a\r"]),
        ] {
            let (lines, error) = try read(write(pack(text, packing)))
            #expect(lines == expected && error == nil, "\(text.debugDescription)")
        }
    }

    @Test(arguments: [Packing.gzip, .zstandard])
    func severalPiecesAreOneText(packing: Packing) throws {
        let path = try write(pack("a\nb", packing) + pack("", packing) + pack("c\nd\n", packing))
        #expect(try read(path).lines == ["a", "bc", "d"])
    }

    @Test(arguments: [Packing.gzip, .zstandard])
    func aTruncatedFileGivesWhatStandsBeforeAndThenSaysWhere(packing: Packing) throws {
        let whole = try pack(Self.manyLines.joined(separator: "\n") + "\n", packing)
        for cut in [whole.count / 3, whole.count / 2, whole.count - 1] {
            let path = try write(whole[..<cut])
            let (lines, error) = try read(path)
            #expect(error == LineReaderError(path: path, line: lines.count + 1, problem: .truncated))
            #expect(lines == Array(Self.manyLines.prefix(lines.count)))
            #expect(cut < whole.count - 1 ? (1..<1_000).contains(lines.count) : lines.count >= 990, "cut \(cut)")
        }
    }

    @Test(arguments: [Packing.gzip, .zstandard])
    func aCorruptFileIsAnError(packing: Packing) throws {
        var data = try pack(Self.manyLines.joined(separator: "\n"), packing)
        for index in data.count / 2..<data.count / 2 + 64 { data[index] ^= 0xA5 }
        let (lines, error) = try read(write(data))
        guard case .corrupt = try #require(error).problem else {
            Issue.record("\(String(describing: error)) after \(lines.count) lines")
            return
        }
        #expect(error?.line == lines.count + 1)
    }

    @Test(arguments: Packing.allCases)
    func aLineOverTheLimitIsAnError(packing: Packing) throws {
        let fits = String(repeating: "y", count: 100)
        let path = try write(pack("\(fits)\n\(fits)y\nz\n", packing))
        let (lines, error) = try read(path, maxLineBytes: 100)
        #expect(lines == [fits])
        #expect(error == LineReaderError(path: path, line: 2, problem: .lineTooLong(limitBytes: 100)))
    }

    @Test func aMissingFileIsNamed() {
        let path = folder.appendingPathComponent("absent").path
        #expect(throws: LineReaderError(path: path, line: 1, problem: .cannotOpen(reason: "No such file or directory")))
        {
            _ = try LineReader(path: path)
        }
        #expect {
            var reader = try LineReader(path: folder.path)
            _ = try reader.next()
        } throws: { error in
            (error as? LineReaderError)?.problem == .cannotRead(reason: "Is a directory")
        }
    }

    @Test func aCaptureFileStartsAgain() throws {
        let file = try CaptureFile(path: write(pack("a\nb\n", .gzip)))
        for _ in 0..<2 {
            #expect(try file.nextLine() == [0x61])
            #expect(try file.nextLine() == [0x62])
            #expect(try file.nextLine() == nil)
            try file.rewind()
        }
    }
}

/// Zip archives, as the venue's dumps are downloaded.
struct ZipArchiveTests {
    private let folder: URL

    init() throws {
        folder = FileManager.default.temporaryDirectory.appendingPathComponent("zip-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    }

    private struct Member {
        var name = "a.csv"
        var text = "one\ntwo\n"
        var method = 0
        var flags = 0
        /// Sizes and place stand in the zip64 field.
        var isWide = false
        var checksum: UInt32?
    }

    private func bytes(_ value: Int, _ count: Int) -> [UInt8] { (0..<count).map { UInt8(value >> (8 * $0) & 0xFF) } }

    /// Stored members, after APPNOTE 4.3.
    private func archive(_ members: [Member], isCut: Bool = false) throws -> String {
        var data: [UInt8] = []
        var directory: [UInt8] = []
        for member in members {
            let (name, text) = (Array(member.name.utf8), Array(member.text.utf8))
            let sum = member.checksum ?? UInt32(crc32(0, text, UInt32(text.count)))
            let place = data.count
            let common = bytes(member.flags, 2) + bytes(member.method, 2) + bytes(0, 4) + bytes(Int(sum), 4)
            data += bytes(0x0403_4B50, 4) + bytes(20, 2) + common + bytes(text.count, 4) + bytes(text.count, 4)
            data += bytes(name.count, 2) + bytes(0, 2) + name + text
            let wide =
                bytes(9, 2) + bytes(2, 2) + [7, 7] + bytes(1, 2) + bytes(24, 2) + bytes(text.count, 8)
                + bytes(text.count, 8) + bytes(place, 8)
            let narrow = member.isWide ? 0xFFFF_FFFF : text.count
            directory += bytes(0x0201_4B50, 4) + bytes(20, 2) + bytes(20, 2) + common + bytes(narrow, 4)
            directory +=
                bytes(narrow, 4) + bytes(name.count, 2) + bytes(member.isWide ? wide.count : 0, 2) + bytes(0, 10)
            directory += bytes(member.isWide ? 0xFFFF_FFFF : place, 4) + name + (member.isWide ? wide : [])
        }
        let place = data.count
        data += directory
        let isWide = members.contains(where: \.isWide)
        if isWide {
            let end = data.count
            data += bytes(0x0606_4B50, 4) + bytes(44, 8) + bytes(45, 2) + bytes(45, 2) + bytes(0, 8)
            data += bytes(members.count, 8) + bytes(members.count, 8) + bytes(directory.count, 8) + bytes(place, 8)
            data += bytes(0x0706_4B50, 4) + bytes(0, 4) + bytes(end, 8) + bytes(1, 4)
        }
        data += bytes(0x0605_4B50, 4) + bytes(0, 4) + bytes(members.count, 2) + bytes(members.count, 2)
        data += bytes(isWide ? 0xFFFF_FFFF : directory.count, 4) + bytes(isWide ? 0xFFFF_FFFF : place, 4) + bytes(0, 2)
        let path = folder.appendingPathComponent(UUID().uuidString).path
        try Data(isCut ? Array(data.dropLast(30)) : data).write(to: URL(fileURLWithPath: path))
        return path
    }

    private func lines(_ path: String) throws -> [String] {
        var reader = try LineReader(path: path)
        var lines: [String] = []
        while let line = try reader.next() { lines.append(String(decoding: line, as: UTF8.self)) }
        return lines
    }

    @Test(arguments: [false, true]) func theOneFileIsRead(isWide: Bool) throws {
        let member = Member(isWide: isWide)
        #expect(try lines(archive([member])) == ["one", "two"])
        let others = [Member(name: "folder/", text: ""), Member(name: "__MACOSX/._a.csv", text: "x")]
        #expect(try lines(archive(others + [member])) == ["one", "two"])
        #expect(try lines(archive([Member(text: "")])) == [])
    }

    @Test func aPackedFileIsReadAndItsChecksumTested() throws {
        let text = (0..<20_000).map { "\($0),\($0 * 7_919 % 1_000)" }
        let plain = folder.appendingPathComponent("a.csv").path
        try Data(text.joined(separator: "\n").utf8).write(to: URL(fileURLWithPath: plain))
        let path = folder.appendingPathComponent("a.zip").path
        let process = Process()
        process.executableURL = URL(fileURLWithPath: "/usr/bin/python3")
        process.arguments = ["-m", "zipfile", "-c", path, plain]
        try process.run()
        process.waitUntilExit()
        #expect(try lines(path) == text)
        var data = try Data(contentsOf: URL(fileURLWithPath: path))
        for index in data.count / 2..<data.count / 2 + 64 { data[index] ^= 0xA5 }
        try data.write(to: URL(fileURLWithPath: path))
        #expect(throws: LineReaderError.self) { try lines(path) }
    }

    @Test func whatCannotBeReadIsSaid() throws {
        func reason(_ path: String) -> String {
            do {
                _ = try lines(path)
                return "read"
            } catch { return "\(error)" }
        }
        #expect(reason(try archive([Member(flags: 1)])).contains("encrypted"))
        #expect(reason(try archive([Member(method: 99)])).contains("encrypted"))
        #expect(reason(try archive([Member(method: 9)])).contains("method 9"))
        #expect(reason(try archive([Member(), Member(name: "b.csv")])).contains("holds 2 files (a.csv, b.csv)"))
        #expect(reason(try archive([Member(name: "x/", text: "")])).contains("holds no file"))
        #expect(reason(try archive([Member()], isCut: true)).contains("no directory at its end"))
        #expect(reason(try archive([Member(checksum: 1)])).contains("checksum"))
    }
}
