import TestSupport
@testable import Lab
import Evaluation
import Foundation
import Microstructure
import Testing

/// `microlab backtest` and `sweep`: what is read, what is written, and what is remembered.
@Suite(.serialized) struct BacktestCommandTests {
    private let bench: ImportBench
    private let tape: String

    /// A market that swings by one per cent every minute for an hour, with a book every half second and trades between.
    init() throws {
        bench = try ImportBench()
        tape = bench.folder.appending(path: "swing.tape").path
        var lines = [
            #"1700000000000000001 {"stream":"abcusdt@depth@100ms","data":{"e":"depthUpdate","E":1700000000000,"s":"ABCUSDT","U":10,"u":12,"b":[],"a":[]}}"#,
            #"1700000000000000002 {"lastUpdateId":12,"bids":[["10.00","3"]],"asks":[["10.01","1"]]}"#,
        ]
        var last = (bid: 1000, ask: 1001)
        for step in 1...7_200 {
            let time = 1_700_000_000_000 + step * 500
            let swing = abs(step % 240 - 120)
            let bid = 1_000 + swing / 12 + step * 7 % 3
            let (old, new) = (last, (bid: bid, ask: bid + 1))
            func price(_ cents: Int) -> String { String(format: "%.2f", Double(cents) / 100) }
            let size = 1 + step * 13 % 17
            let bids =
                (old.bid == new.bid ? "" : #"["\#(price(old.bid))","0"],"#) + #"["\#(price(new.bid))","\#(size)"]"#
            let asks =
                (old.ask == new.ask ? "" : #"["\#(price(old.ask))","0"],"#) + #"["\#(price(new.ask))","\#(18 - size)"]"#
            lines.append(
                #"\#(time)000001 {"stream":"abcusdt@depth@100ms","data":{"e":"depthUpdate","E":\#(time),"s":"ABCUSDT","U":\#(12 + step),"u":\#(12 + step),"b":[\#(bids)],"a":[\#(asks)]}}"#
            )
            let isRising = step % 240 >= 120
            lines.append(
                #"\#(time)000002 {"stream":"abcusdt@trade","data":{"e":"trade","E":\#(time),"s":"ABCUSDT","t":\#(step),"p":"\#(price(isRising ? new.ask : new.bid))","q":"\#(1 + step % 240 / 40)","T":\#(time),"m":\#(!isRising)}}"#
            )
            last = new
        }
        let file = try bench.file("swing.txt", lines.joined(separator: "\n"))
        let options = ImportRun.Options(format: .binanceRaw, files: [file], out: tape)
        _ = try ImportRun(options: options, progress: ProgressBar(total: 0)).run { _ in }
    }

    private func path(_ name: String) -> String { bench.folder.appending(path: name).path }

    private func microlab(_ arguments: [String]) async throws -> (code: Int32?, output: String, log: String) {
        let program = try Program("microlab", arguments, in: bench.folder)
        let code = await program.exitCode()
        return (code, program.outputText, program.logText)
    }

    private func backtest(_ out: String, _ more: [String] = []) async throws -> [String: Any] {
        let run = try await microlab(
            ["backtest", tape, "--profile", "classic", "--out", path(out), "--ledger", path("trials.ndjson")] + more)
        #expect(run.code == 0, "\(run.log)")
        let file = try Data(contentsOf: URL(filePath: path(out) + "/report.json"))
        return try #require(try JSONSerialization.jsonObject(with: file) as? [String: Any])
    }

    @Test(.timeLimit(.minutes(5))) func theSignalsAreThoseOfDetectAndTheLedgerCounts() async throws {
        let detected = try await microlab(["detect", tape, "--profile", "classic"])
        let ids = try detected.output.split(separator: "\n").map { line in
            let object = try JSONSerialization.jsonObject(with: Data(line.utf8)) as? [String: Any]
            return object?["id"] as? String
        }
        let first = try await backtest("first")
        let signals = try #require(first["signal_list"] as? [[String: Any]])
        #expect(ids.count > 5 && signals.map { $0["id"] as? String } == ids)
        #expect((first["ledger"] as? [String: Any])?["trials"] as? Int == 1)

        // The same again is the same trial, and the same report but for nothing.
        let again = try await backtest("again")
        #expect((again["ledger"] as? [String: Any])?["trials"] as? Int == 1)
        let bytes = try ["first", "again"].map { try Data(contentsOf: URL(filePath: path($0) + "/report.json")) }
        #expect(bytes[0] == bytes[1])

        let config = try bench.file("config.json", #"{"profit_target_pct": 0.002, "latency_ms": 20}"#)
        let other = try await backtest("other", ["--config", config, "--against", "calibrated"])
        #expect((other["ledger"] as? [String: Any])?["trials"] as? Int == 3)
        #expect((other["comparison"] as? [String: Any])?["profile"] as? String == "calibrated")
        let page = try String(contentsOfFile: path("other") + "/report.html", encoding: .utf8)
        #expect(page.contains("<svg") && page.contains("Against calibrated") && page.hasSuffix("</html>\n"))
        #expect(!page.contains("http-equiv") && !page.contains("src="))
    }

    @Test(.timeLimit(.minutes(2))) func badSettingsAreOneLine() async throws {
        for (text, problem) in [
            (#"{"profit_target": 0.1}"#, "there is no profit_target"), (#"{"fee_rate": 7}"#, "fee_rate is 7"),
            (#"{"queue_model": "lucky"}"#, "queue_model"), ("[]", "no JSON object"),
        ] {
            let config = try bench.file("bad.json", text)
            let run = try await microlab(["backtest", tape, "--config", config, "--out", path("bad")])
            #expect(run.code == 78 && run.log.contains(problem), "\(run.log)")
        }
        #expect(try await microlab(["backtest", path("absent.tape"), "--out", path("bad")]).code == 66)
        #expect(try await microlab(["backtest", tape, "--profile", "absent", "--out", path("bad")]).code == 78)
        #expect(!FileManager.default.fileExists(atPath: path("bad") + "/report.html"))
    }

    /// A table that was cut off in the middle of a row is completed: no row twice, none missing.
    @Test(.timeLimit(.minutes(5))) func aSweepGoesOnWhereItStopped() async throws {
        let grid = try bench.file(
            "grid.json",
            #"{"profiles": "classic", "profile_values": {"drift_threshold": [3, 5]}, "config": {"latency_ms": [10, 500], "stop_loss_pct": 0.002}}"#
        )
        let arguments = ["sweep", tape, "--grid", grid, "--out", path("table.csv"), "--ledger", path("sweep.ndjson")]
        #expect(try await microlab(arguments).code == 0)
        let whole = try String(contentsOfFile: path("table.csv"), encoding: .utf8).split(separator: "\n")
        #expect(whole.count == 5 && Set(whole).count == 5)
        let cut = whole.prefix(3).joined(separator: "\n") + "\n" + whole[3].prefix(30)
        try Data(cut.utf8).write(to: URL(filePath: path("table.csv")))
        let again = try await microlab(arguments)
        #expect(again.code == 0 && again.log.contains("4 runs, 2 of them done before"), "\(again.log)")
        let mended = try String(contentsOfFile: path("table.csv"), encoding: .utf8).split(separator: "\n")
        #expect(Set(mended) == Set(whole) && mended.count == 5)

        let other = try bench.file("other.json", #"{"config": {"folds": [3, 4]}}"#)
        let refused = try await microlab(
            ["sweep", tape, "--grid", other, "--out", path("table.csv"), "--ledger", path("sweep.ndjson")])
        #expect(refused.code == 65 && refused.log.contains("no table of this grid"))
    }

    @Test func theLedgerSurvivesACutLine() throws {
        let ledger = try TrialLedger(path: path("cut.ndjson"))
        func trial(_ name: String, _ sharpe: Double) -> TrialLedger.Trial {
            TrialLedger.Trial(
                dataset: "d", trial: name, profile: "p", sharpe: sharpe, periodSeconds: 10, trades: 1,
                returns: [sharpe, -sharpe])
        }
        try ledger.append([trial("a", 1), trial("b", 2)])
        let handle = try #require(FileHandle(forWritingAtPath: path("cut.ndjson")))
        try handle.seekToEnd()
        try handle.write(contentsOf: Data(#"{"dataset":"d","tri"#.utf8))
        try handle.close()
        try ledger.append([trial("b", 3), trial("c", 4)])
        let (trials, unreadable) = try ledger.trials(on: "d")
        #expect(trials.map(\.trial) == ["a", "b", "c"] && trials.map(\.sharpe) == [1, 3, 4])
        #expect(unreadable == 1)
        #expect(try ledger.trials(on: "e").trials.isEmpty)
    }
}
