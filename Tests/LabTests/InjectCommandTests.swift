import Foundation
import TapeSupport
import TestSupport
import Testing
import Wire

/// `microlab inject` as a user runs it.
@Suite(.serialized) struct InjectCommandTests {
    private let bench: ImportBench

    init() throws { bench = try ImportBench() }

    private func microlab(_ arguments: [String]) async throws -> (code: Int32?, output: String, log: String) {
        let program = try Program("microlab", arguments, in: bench.folder)
        let code = await program.exitCode()
        return (code, program.outputText, program.logText)
    }

    private func path(_ name: String) -> String { bench.folder.appending(path: name).path }

    /// A tape of 40 s without events.
    private func recording() async throws -> String {
        let file = try bench.file(
            "spec.json", #"{"seed": 5, "durationSeconds": 40, "markets": [{"symbols": ["BTCUSDT", "ETHUSDT"]}]}"#)
        #expect(try await microlab(["synth", file, "--out", path("quiet.tape")]).code == 0)
        return path("quiet.tape")
    }

    @Test(.timeLimit(.minutes(5))) func recordsBeforeTheFirstEventAreThoseOfTheTape() async throws {
        let tape = try await recording()
        let events = "sweep:20@30/buy,quote_stuffing:2@34"
        let inject = ["inject", events, tape, "--length", "2", "--out", path("one.tape"), "--truth", path("truth.csv")]
        let first = try await microlab(inject)
        #expect(first.code == 0 && first.log.contains("4 events"), "\(first.log)")
        #expect(try await microlab(["inject", events, tape, "--length", "2", "--out", path("two.tape")]).code == 0)
        #expect(
            try Data(contentsOf: URL(filePath: path("one.tape"))) == Data(contentsOf: URL(filePath: path("two.tape"))))
        #expect(try await microlab(inject).code == 73)

        let (old, new) = (try TapeSamples.read(tape).records, try TapeSamples.read(path("one.tape")).records)
        let same = zip(old, new).prefix { $0 == $1 }.count
        let times = try old.map { try EnvelopeCodec.decode($0.body).receiveTime.nanoseconds }
        let begin = try #require(times.firstIndex { $0 >= 1_767_225_630_000_000_000 })
        #expect(same >= begin && same < old.count && new.count > old.count + 100)

        let csv = try String(contentsOfFile: path("truth.csv"), encoding: .utf8)
        #expect(csv.hasPrefix("symbol,label_time_utc,end_utc,class,size,direction\n"))
        #expect(csv.contains("BTCUSDT,2026-01-01T00:00:30.000Z,2026-01-01T00:00:32.000Z,sweep,20,buy\n"))
        #expect(csv.contains("ETHUSDT,2026-01-01T00:00:34.000Z,2026-01-01T00:00:36.000Z,quote_stuffing,2,\n"))
        // Sequences and trade ids without a hole, and vectors from all of it.
        let info = try await microlab(["info", path("one.tape")])
        #expect(info.code == 0 && info.output.contains("no damage"), "\(info.output)")
        for line in info.output.split(separator: "\n") where line.hasPrefix("BTCUSDT") || line.hasPrefix("ETHUSDT") {
            let fields = line.split(separator: " ")
            #expect(fields[3...5] == ["0", "0", "0"] && ["0", "-"].contains(fields[6]), "\(line)")
        }
        let score = try await microlab(["score", path("none.ndjson"), path("truth.csv")])
        #expect(score.code == 66)
    }

    @Test(.timeLimit(.minutes(5))) func aRepeatedRecordingIsOneMarket() async throws {
        let tape = try await recording()
        let answer = try await microlab([
            "inject", "metaorder:4@2x", tape, "--passes", "3", "--after", "60", "--length", "5", "--out",
            path("long.tape"),
            "--truth", "-",
        ])
        #expect(answer.code == 0, "\(answer.log)")
        #expect(answer.output.split(separator: "\n").count == 5, "\(answer.output)")
        let info = try await microlab(["info", path("long.tape")])
        #expect(info.code == 0 && info.output.contains("no damage"), "\(info.output)")
        var books: [ProtoBook] = []
        var (ids, last): ([Int64], Int64) = ([], 0)
        for record in try TapeSamples.read(path("long.tape")).records
        where Topic(record.topicBytes)?.symbol == "BTCUSDT" {
            let envelope = try EnvelopeCodec.decode(record.body)
            switch envelope.payload {
            case .book(let book): books.append(book)
            case .trade(let trade): ids.append(trade.id)
            default: break
            }
            #expect(envelope.receiveTime.nanoseconds >= last - 1_000_000_000)
            last = envelope.receiveTime.nanoseconds
        }
        #expect(Set(ids).count == ids.count)
        #expect(Set(books.map(\.bookEpoch)).count == 3)
        // No jump between the passes: prices go on, and nothing moves by more than in the recording.
        for (before, after) in zip(books, books.dropFirst()) where before.bookEpoch != after.bookEpoch {
            #expect(abs(after.bidPrices[0] - before.bidPrices[0]) <= 2 * after.tickSize)
            #expect(after.receiveTimeNs - before.receiveTimeNs < 3_000_000_000)
        }
    }

    @Test(.timeLimit(.minutes(5))) func aWrongSpecificationIsOneLine() async throws {
        let tape = try await recording()
        let file = try bench.file("bad.json", #"{"events": [{"type": "sweep", "colour": 1}]}"#)
        let cases: [(arguments: [String], code: Int32, text: String)] = [
            (["flood:1@30"], 78, "the unknown type 'flood'"), (["sweep:20"], 78, "is not written TYPE:SIZE@WHEN"),
            (["sweep:0@30"], 78, "needs a size from 1.0"), (["volume_burst:2@30/buy"], 78, "a type without sides"),
            (["sweep:2@now"], 78, "has no time"), ([file], 78, "unknown member 'colour'"),
            (["sweep:2@0"], 65, "begins before the market has books"), (["sweep:2@500"], 65, "no event begins"),
        ]
        for (arguments, code, text) in cases {
            let answer = try await microlab(["inject"] + arguments + [tape, "--out", path("bad.tape")])
            #expect(answer.code == code && answer.log.contains(text), "\(arguments): \(answer.log)")
            #expect(!FileManager.default.fileExists(atPath: path("bad.tape")))
        }
    }
}
