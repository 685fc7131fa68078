import TestSupport
import Foundation
import Testing

/// `microlab synth`, `facts` and `scoreboard` as a user runs them.
@Suite(.serialized) struct SynthCommandTests {
    private let bench: ImportBench

    init() throws { bench = try ImportBench() }

    private func microlab(_ arguments: [String]) async throws -> (code: Int32?, output: String, log: String) {
        let program = try Program("microlab", arguments, in: bench.folder)
        let code = await program.exitCode()
        return (code, program.outputText, program.logText)
    }

    private static let specification = """
        {"seed": 3, "durationSeconds": 40, "markets": [{"symbols": ["BTCUSDT", "ETHUSDT"]}],
         "events": [{"type": "metaorder", "atSeconds": [10, 20], "lengthSeconds": 5, "size": [4, 8], "direction": "sell"}]}
        """

    /// The same specification is the same tape, its books and trades follow each other without a hole, and its truth is what
    /// `score` reads.
    @Test(.timeLimit(.minutes(5))) func aTapeWithItsTruth() async throws {
        let file = try bench.file("spec.json", Self.specification)
        let (one, two, truth) = (path("one.tape"), path("two.tape"), path("truth.csv"))
        let first = try await microlab(["synth", file, "--out", one, "--truth", truth])
        #expect(first.code == 0, "\(first.log)")
        #expect(try await microlab(["synth", file, "--out", two]).code == 0)
        #expect(try Data(contentsOf: URL(filePath: one)) == Data(contentsOf: URL(filePath: two)))
        #expect(try await microlab(["synth", file, "--out", two]).code == 73)

        let csv = try String(contentsOfFile: truth, encoding: .utf8).split(separator: "\n").map(String.init)
        #expect(csv.count == 5 && csv[0] == "symbol,label_time_utc,end_utc,class,size,direction")
        #expect(
            Set(csv[1...2]) == [
                "BTCUSDT,2026-01-01T00:00:10.000Z,2026-01-01T00:00:15.000Z,metaorder,4,sell",
                "ETHUSDT,2026-01-01T00:00:10.000Z,2026-01-01T00:00:15.000Z,metaorder,4,sell",
            ])
        let signals = try bench.file(
            "signals.ndjson",
            #"{"symbol": "BTCUSDT", "signal_type": "drift", "detected_time_ns": "1767225612500000000"}"#)
        let score = try await microlab(["score", signals, truth, "--json"])
        #expect(score.code == 0 && score.output.contains("\"events\" : 4"), "\(score.output) \(score.log)")
        #expect(score.output.contains("\"median\" : 2.5"), "\(score.output)")

        let info = try await microlab(["info", one])
        #expect(info.code == 0 && info.output.contains("no damage"), "\(info.output)")
        let facts = try await microlab(["facts", one, "--svg", path("picture.svg")])
        #expect(facts.code == 0 && facts.output.contains("| | one BTCUSDT | one ETHUSDT |"), "\(facts.output)")
        #expect(try String(contentsOfFile: path("picture.svg"), encoding: .utf8).hasSuffix("</svg>\n"))
    }

    @Test(.timeLimit(.minutes(5))) func aScoreboardNamesWhatWasPlanted() async throws {
        let file = try bench.file("short.json", Self.specification)
        let board = try await microlab(["scoreboard", file, "--profiles", "classic"])
        #expect(board.code == 0, "\(board.log)")
        #expect(board.output.contains("| metaorder | 4 | 2 |") && board.output.contains("| metaorder | 8 | 2 |"))
        #expect(board.output.contains("| short |"))
    }

    @Test(.timeLimit(.minutes(1))) func aBadSpecificationIsOneLineAndLeavesNothing() async throws {
        let file = try bench.file("bad.json", #"{"markets": [{"symbols": ["A"], "colour": 1}]}"#)
        for arguments in [["synth", file, "--out", path("bad.tape")], ["scoreboard", file]] {
            let answer = try await microlab(arguments)
            #expect(answer.code == 78, "\(answer.log)")
            #expect(answer.log.contains("markets[0]: unknown member 'colour'"), "\(answer.log)")
        }
        #expect(!FileManager.default.fileExists(atPath: path("bad.tape")))
        let simulator = try Program("exchange-sim", ["--synthetic", file, "--check-config"], in: bench.folder)
        #expect(await simulator.exitCode() == 78)
        #expect(simulator.logText.contains("unknown member 'colour'"), "\(simulator.logText)")
    }

    private func path(_ name: String) -> String { bench.folder.appending(path: name).path }
}
