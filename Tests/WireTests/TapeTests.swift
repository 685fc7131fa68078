import Microstructure
import TestSupport
import Testing

@testable import Wire

/// A segment in memory, and which records each of its blocks holds.
private struct Segment: TapeSource {
    let name = "segment"
    var bytes = TapeFormat.fileHeader(created: 1_700_000_000_000_000_000)
    var blocks: [(end: Int, records: [TapeRecord])] = []

    var byteCount: UInt64 { UInt64(bytes.count) }

    func read(at offset: UInt64, into buffer: inout [UInt8]) throws(TapeError) -> Int {
        let rest = bytes[min(Int(clamping: offset), bytes.count)...].prefix(buffer.count)
        buffer.replaceSubrange(0..<rest.count, with: rest)
        return rest.count
    }

    /// Blocks of `sizes` records with random bodies, received a millisecond apart.
    init(_ sizes: [Int], random: inout SplitMix64, bodyBytes: ClosedRange<Int> = 0...40, hasIndex: Bool = true) throws {
        var builder = try TapeBlockBuilder()
        var index: [TapeBlock] = []
        var time: Int64 = 0
        for size in sizes {
            var records: [TapeRecord] = []
            for _ in 0..<size {
                let topic = Array("tick.binance.S\(Int.random(in: 0..<3, using: &random)).trade|".utf8)
                let count = Int.random(in: bodyBytes, using: &random)
                let body = (0..<count).map { _ in UInt8.random(in: 0...255, using: &random) }
                records.append(TapeRecord(topicBytes: topic, body: body))
                time += 1_000_000
                try builder.append(topic: topic, body: body, receiveTime: Timestamp(nanoseconds: time))
            }
            if let block = try builder.seal(into: &bytes) {
                index.append(block)
                blocks.append((bytes.count, records))
            }
        }
        if hasIndex { bytes += TapeIndex.encode(index, at: UInt64(bytes.count)) }
    }

    func read() throws -> (records: [TapeRecord], problems: [TapeProblem]) {
        var reader = try TapeSegmentReader(self)
        var records: [TapeRecord] = []
        while let record = try reader.next() { records.append(record) }
        return (records, reader.problems)
    }

    var records: [TapeRecord] { blocks.flatMap(\.records) }
}

@Suite struct TapeTests {
    @Test(arguments: testSeeds) func recordsComeBackAsTheyWent(seed: UInt64) throws {
        var random = SplitMix64(testSeed: seed)
        let segment = try Segment([3, 1, 200, 0, 7], random: &random, bodyBytes: 0...5_000)
        let (records, problems) = try segment.read()
        #expect(records == segment.records, "seed \(seed)")
        #expect(records.count == 211)
        #expect(problems.isEmpty)
    }

    @Test func aTapeWithoutRecordsIsATape() throws {
        var random = SplitMix64(testSeed: 1)
        let (records, problems) = try Segment([], random: &random).read()
        #expect(records.isEmpty && problems.isEmpty)
    }

    /// Cut anywhere, a segment gives exactly the blocks that are complete, and says what it passed over.
    @Test(arguments: testSeeds) func everyTruncationGivesTheCompleteBlocks(seed: UInt64) throws {
        var random = SplitMix64(testSeed: seed)
        let whole = try Segment([2, 5, 1, 4], random: &random)
        for length in 0..<whole.bytes.count {
            var cut = whole
            cut.bytes.removeLast(whole.bytes.count - length)
            guard length >= TapeFormat.fileHeaderBytes else {
                #expect(throws: TapeError.self, "seed \(seed), length \(length)") { try cut.read() }
                continue
            }
            let complete = whole.blocks.filter { $0.end <= length }
            let (records, problems) = try cut.read()
            #expect(records == complete.flatMap(\.records), "seed \(seed), length \(length)")
            #expect(problems.contains { $0.kind == .noIndex }, "seed \(seed), length \(length)")
            let rest = length - (complete.last?.end ?? TapeFormat.fileHeaderBytes)
            if rest > 0, length < whole.blocks[3].end {
                #expect(
                    problems.contains { $0.kind == .partialBlock(bytes: UInt64(rest)) },
                    "seed \(seed), length \(length): \(problems)")
            }
        }
    }

    /// One bit wrong anywhere is noticed, costs at most the block that it lies in, and never gives a wrong record.
    @Test(arguments: testSeeds) func everyFlippedBitIsNoticed(seed: UInt64) throws {
        var random = SplitMix64(testSeed: seed)
        let whole = try Segment([3, 2, 4], random: &random)
        for offset in whole.bytes.indices {
            var flipped = whole
            flipped.bytes[offset] ^= 1 << UInt8.random(in: 0...7, using: &random)
            let note: Comment = "seed \(seed), byte \(offset)"
            let (records, problems) = try flipped.read()
            #expect(!problems.isEmpty, note)
            let hit = whole.blocks.firstIndex { offset < $0.end && offset >= TapeFormat.fileHeaderBytes }
            let spared = whole.blocks.enumerated().filter { $0.offset != hit }.flatMap(\.element.records)
            #expect(records == spared, note)
            #expect(problems.contains { $0.isLoss } == (hit != nil), note)
        }
    }

    /// Bytes that vanished or came between: the blocks around the place are found.
    @Test(arguments: testSeeds) func blocksAroundARemovedOrInsertedStretchAreFound(seed: UInt64) throws {
        var random = SplitMix64(testSeed: seed)
        let whole = try Segment(Array(repeating: 3, count: 12), random: &random, hasIndex: false)
        for _ in 0..<300 {
            var torn = whole
            let start = Int.random(in: TapeFormat.fileHeaderBytes + 64..<whole.bytes.count, using: &random)
            let isRemoved = Bool.random(using: &random)
            let length = Int.random(in: 1...200, using: &random)
            let end = isRemoved ? min(start + length, whole.bytes.count) : start
            let noise = isRemoved ? [] : (0..<length).map { _ in UInt8.random(in: 0...255, using: &random) }
            torn.bytes.replaceSubrange(start..<end, with: noise)
            // Whole: those whose bytes stand where they were, or where the change moved them. Comparing bytes and not
            // places matters: a cut through two blocks' equal first bytes leaves the later block whole.
            let shift = noise.count - (end - start)
            var spared: [TapeRecord] = []
            var begin = TapeFormat.fileHeaderBytes
            for block in whole.blocks {
                let bytes = whole.bytes[begin..<block.end]
                let places = [begin, begin + shift].filter { $0 >= 0 && $0 + bytes.count <= torn.bytes.count }
                if places.contains(where: { torn.bytes[$0..<$0 + bytes.count].elementsEqual(bytes) }) {
                    spared += block.records
                }
                begin = block.end
            }
            let (records, problems) = try torn.read()
            #expect(records == spared, "seed \(seed), \(start)..<\(end), \(noise.count) inserted: \(problems)")
        }
    }

    @Test(arguments: testSeeds) func seekingSkipsWhatIsOlderOrNewer(seed: UInt64) throws {
        var random = SplitMix64(testSeed: seed)
        for hasIndex in [true, false] {
            let segment = try Segment([10, 10, 10], random: &random, hasIndex: hasIndex)
            let cases: [(Int64, Int64, Range<Int>)] = [
                (0, 99, 0..<3), (10, 99, 0..<3), (11, 99, 1..<3), (21, 99, 2..<3), (30, 99, 2..<3), (31, 99, 0..<0),
                (0, 10, 0..<1), (11, 20, 1..<2), (12, 21, 1..<3), (0, 0, 0..<0),
            ]
            for (first, last, blocks) in cases {
                var reader = try TapeSegmentReader(segment)
                #expect(try reader.firstTime() == Timestamp(milliseconds: 1))
                reader.seek(Timestamp(nanoseconds: first * 1_000_000)...Timestamp(nanoseconds: last * 1_000_000))
                var records: [TapeRecord] = []
                while let record = try reader.next() { records.append(record) }
                #expect(records == segment.blocks[blocks].flatMap(\.records), "\(first) to \(last) ms")
            }
        }
    }

    @Test func whatIsNoTapeIsRefused() throws {
        var random = SplitMix64(testSeed: 1)
        var segment = try Segment([1], random: &random)
        segment.bytes = Array("symbol,timestamp,side,price,amount\nBTCUSDT,1,buy,1,1\n".utf8)
        #expect(throws: TapeError.self) { try segment.read() }
        segment.bytes = TapeFormat.fileHeader(created: 0)
        segment.bytes[8] = 2
        segment.bytes.replaceSubrange(20..<24, with: [])
        segment.bytes.append(littleEndian: CRC32.of(segment.bytes[...]))
        #expect(throws: TapeError.unsupportedVersion("segment", version: 2)) { try segment.read() }
    }

    @Test func recordsBeyondTheLimitsAreRefused() throws {
        var builder = try TapeBlockBuilder()
        let topic = Array("tick.binance.BTCUSDT.trade|".utf8)
        let long = [UInt8](repeating: 1, count: TapeFormat.bodyByteLimit + 1)
        let now = Timestamp(nanoseconds: 1)
        #expect(throws: TapeError.self) { try builder.append(topic: topic, body: long, receiveTime: now) }
        #expect(throws: TapeError.self) { try builder.append(topic: [], body: [], receiveTime: now) }
        #expect(builder.recordCount == 0)
        // The largest records that the limits allow still make a block that a reader takes.
        while !builder.isFull { try builder.append(topic: topic, body: [UInt8](long.dropLast()), receiveTime: now) }
        #expect(builder.byteCount <= TapeFormat.blockByteLimit)
        var bytes: [UInt8] = []
        let block = try #require(try builder.seal(into: &bytes))
        #expect(block.payloadBytes <= TapeFormat.payloadByteLimit)
    }
}
