import TapeSupport
import TestSupport
@testable import Runtime
@testable import Tape
import Foundation
import Logging
import Microstructure
import Testing
import Wire

@Suite struct TapeFileTests {
    private let folder: URL

    init() throws { folder = try TestFiles.temporaryFolder() }

    private func write(_ name: String, _ numbers: Range<Int>, finishes: Bool = true) throws -> String {
        let path = folder.appending(path: name).path
        let writer = try TapeWriter(path: path, created: Timestamp(nanoseconds: 1))
        for number in numbers {
            let (record, time) = TapeSamples.record(number)
            try writer.append(topic: record.topicBytes, body: record.body, receiveTime: time)
            if number % 5_000 == 0 { try writer.flush() }
        }
        if finishes { try writer.finish() } else { try writer.flush() }
        return path
    }

    /// A folder is one tape, in the order of its segments' times; a segment that is none is named and passed over.
    @Test func segmentsAreOneTape() throws {
        _ = try write("b.tape", 1..<20_001)
        _ = try write("a.tape", 20_001..<20_101, finishes: false)
        try Data("no tape at all, but longer than a header".utf8).write(to: folder.appending(path: "c.tape"))
        try Data("of no interest".utf8).write(to: folder.appending(path: "notes.txt"))
        let (ids, problems) = try TapeSamples.numbers(folder.path)
        #expect(ids == (1...20_100).map { Int64($0) })
        #expect(problems.count == 2)
        #expect(problems.contains { $0.kind == .noIndex && $0.segment.hasSuffix("a.tape") })
        #expect(problems.contains { $0.isLoss && $0.segment.hasSuffix("c.tape") })
        var later = try TapeReader(
            path: folder.path, times: TapeSamples.record(20_050).time...TapeSamples.record(20_060).time)
        let first = try #require(try later.next())
        #expect(try EnvelopeCodec.decode(first.body).trade.id == 20_001)
    }

    @Test func whatIsNoTapeIsAClearError() throws {
        #expect(throws: TapeError.self) { _ = try TapeReader(path: folder.appending(path: "none").path) }
        #expect(throws: TapeError.self) { _ = try TapeReader(path: folder.path) }
        let path = try write("a.tape", 1..<2)
        #expect(throws: TapeError.self) { _ = try TapeWriter(path: path, created: Timestamp(nanoseconds: 1)) }
    }

    /// The reader in another language agrees, also on what a crash leaves.
    @Test func pythonReadsTheSame() throws {
        let path = try write("a.tape", 1..<40_001)
        let script = TestFiles.root.appending(path: "proto/examples/read_tape.py").path
        let (code, text) = try Program.run("/usr/bin/python3", [script, path])
        #expect(code == 0 && text == "tick.binance.BTCUSDT.trade| 40000\n", "\(text)")
        let rows = try Program.run("/usr/bin/python3", [script, path, "--rows"]).1.split(separator: "\n")
        #expect(rows.count == 40_000)
        #expect(rows.last == "tick.binance.BTCUSDT.trade| 40000 trade 1700000040000000000")

        var bytes = try Data(contentsOf: URL(filePath: path))
        bytes.removeLast(bytes.count / 3)
        bytes[60] ^= 1
        let cut = folder.appending(path: "cut.tape")
        try bytes.write(to: cut)
        let intact = try TapeSamples.read(cut.path).records.count
        let damaged = try Program.run("/usr/bin/python3", [script, cut.path])
        #expect(damaged.0 == 1 && damaged.1.contains("tick.binance.BTCUSDT.trade| \(intact)\n"), "\(damaged.1)")
        #expect(intact > 0 && intact < 40_000)
    }
}

@Suite struct TapeArchiveTests {
    private let folder: URL
    private let logger = Logger(label: "test")
    private let begin = Timestamp(nanoseconds: 1_700_000_000_000_000_000)

    init() throws { folder = try TestFiles.temporaryFolder() }

    private func append(_ numbers: ClosedRange<Int>, to archive: inout TapeArchive, padding: Int = 0) {
        for number in numbers {
            let (record, time) = TapeSamples.record(number, padding: padding)
            archive.append(topic: record.topicBytes, body: record.body, receiveTime: time)
        }
    }

    private var segments: [String] {
        ((try? FileManager.default.contentsOfDirectory(atPath: folder.path)) ?? []).sorted()
    }

    @Test func aSegmentEndsWithTheHourAndWithItsSize() throws {
        var archive = try TapeArchive(
            TapeArchive.Options(folder: folder.path, segmentBytes: 20_000), logger: logger, at: begin)
        append(1...10, to: &archive)
        archive.tick(at: begin)
        #expect(segments == ["20231114T221320.000000000Z.tape"])
        // The next hour begins 46 minutes later.
        archive.tick(at: begin.advanced(byNanoseconds: 2_799_000_000_000))
        #expect(segments.count == 1)
        archive.tick(at: begin.advanced(byNanoseconds: 2_800_000_000_000))
        #expect(segments.last == "20231114T230000.000000000Z.tape" && segments.count == 2)
        append(11...60, to: &archive, padding: 1_000)
        archive.tick(at: begin.advanced(byNanoseconds: 2_801_000_000_000))
        #expect(segments.count == 3)
        append(61...62, to: &archive)
        try archive.finish()
        let (ids, problems) = try TapeSamples.numbers(folder.path)
        #expect(ids == (1...62).map { Int64($0) } && problems.isEmpty)
        #expect(archive.records == 62 && archive.dropped == 0)
    }

    @Test func oldSegmentsAreDeletedWhereThatIsWished() throws {
        for name in ["20200101T000000.000000000Z.tape", "20200101T010000.000000000Z.tape"] {
            try Data(count: 600_000).write(to: folder.appending(path: name))
        }
        try Data("mine".utf8).write(to: folder.appending(path: "notes.txt"))
        let now = HostClock.now
        var archive = try TapeArchive(
            TapeArchive.Options(folder: folder.path, keepBytes: 1_000_000), logger: logger, at: now)
        archive.tick(at: now)
        #expect(segments.count == 3 && !segments.contains("20200101T000000.000000000Z.tape"))
        var aged = try TapeArchive(
            TapeArchive.Options(folder: folder.path, keepSeconds: 3_600), logger: logger,
            at: now.advanced(byNanoseconds: 1))
        aged.tick(at: now.advanced(byNanoseconds: 3_000_000_000_000))
        #expect(segments.contains("20200101T010000.000000000Z.tape"))
        for second in Int64(0)..<11 { aged.tick(at: now.advanced(byNanoseconds: (7_200 + second) * 1_000_000_000)) }
        #expect(!segments.contains("20200101T010000.000000000Z.tape"))
        #expect(segments.contains("notes.txt"))
    }

    /// A small file system of its own; only root may mount one.
    static let canMount: Bool = {
        guard geteuid() == 0, let folder = try? TestFiles.temporaryFolder() else { return false }
        defer { try? FileManager.default.removeItem(at: folder) }
        guard (try? Program.run("mount", ["-t", "tmpfs", "tmpfs", folder.path]))?.0 == 0 else { return false }
        return (try? Program.run("umount", [folder.path]))?.0 == 0
    }()

    /// Nothing half written, nothing lost within the buffer, and on with the recording when there is room again.
    @Test(.enabled(if: canMount, "needs the right to mount a small file system"))
    func aFullDiskIsSurvived() throws {
        #expect(try Program.run("mount", ["-t", "tmpfs", "-o", "size=1m", "tmpfs", folder.path]).0 == 0)
        defer { _ = try? Program.run("umount", ["-l", folder.path]) }
        let filler = folder.appending(path: "filler")
        try Data(count: 700_000).write(to: filler)
        var archive = try TapeArchive(TapeArchive.Options(folder: folder.path), logger: logger, at: begin)
        append(1...100, to: &archive, padding: 1_000)
        archive.tick(at: begin)
        #expect(archive.failure == nil)
        // Does not fit any more.
        append(101...900, to: &archive, padding: 1_000)
        archive.tick(at: begin)
        #expect(archive.failure?.contains("No space left on device") == true)
        let before = try TapeSamples.numbers(archive.path)
        #expect(before.ids == (1...100).map { Int64($0) })
        #expect(before.problems.map(\.kind) == [.noIndex])
        append(901...910, to: &archive)
        archive.tick(at: begin)
        #expect(archive.failure != nil && archive.dropped == 0)
        // Rotation must wait, too.
        archive.tick(at: begin.advanced(byNanoseconds: 7_200_000_000_000))
        #expect(segments == ["20231114T221320.000000000Z.tape", "filler"])
        try FileManager.default.removeItem(at: filler)
        archive.tick(at: begin.advanced(byNanoseconds: 7_201_000_000_000))
        #expect(archive.failure == nil)
        append(911...920, to: &archive)
        try archive.finish()
        let (ids, problems) = try TapeSamples.numbers(folder.path)
        #expect(ids == (1...920).map { Int64($0) } && problems.isEmpty, "\(problems)")
        #expect(archive.records == 920 && archive.dropped == 0)
    }

    /// Beyond the buffer, records are counted, and their hole shows in the sequences.
    @Test(.enabled(if: canMount, "needs the right to mount a small file system"))
    func whatFindsNoRoomIsCounted() throws {
        #expect(try Program.run("mount", ["-t", "tmpfs", "-o", "size=64k", "tmpfs", folder.path]).0 == 0)
        defer { _ = try? Program.run("umount", ["-l", folder.path]) }
        var archive = try TapeArchive(
            TapeArchive.Options(folder: folder.path, bufferBytes: 4 << 20), logger: logger, at: begin)
        var random = SplitMix64(testSeed: 1)
        let body = (0..<TapeFormat.bodyByteLimit).map { _ in UInt8.random(in: 0...255, using: &random) }
        for _ in 0..<14 { archive.append(topic: TapeSamples.topic.bytes, body: body, receiveTime: begin) }
        #expect(archive.records == 4 && archive.dropped == 10)
        #expect(throws: TapeError.self) { try archive.finish() }
    }
}
