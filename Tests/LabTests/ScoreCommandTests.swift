import TestSupport
import Foundation
import Testing

/// `microlab score` as its users run it.
@Suite struct ScoreCommandTests {
    private static let events = """
        file,symbol,label_time_utc,hours_before,hours_after,offset_s,class
        a,BRD/BTC,2020-01-01T12:00:00Z,6,12,2.5,pump
        b,APPC/BTC,2020-01-02T00:00:00Z,24,24,,null
        c,APPC/BTC,2020-01-03T00:00:00Z,1,1,4,pump

        """
    /// As the gateway writes them, as protobuf's JSON does, by another key; an empty line; another type.
    private static let signals = """
        {"id":"1","score":0.9,"signal_type":"burst","symbol":"BRDBTC","timestamp":1577880008.25}

        {"detected_time_ns":"1577923205000000000","symbol":"APPC/BTC","type":"drift"}
        {"detected_time_ns":1577840000000000000,"symbol":"APPCBTC","signal_type":"burst","score":1}
        {"symbols":["BRDBTC","APPCBTC"],"first_time_ns":1577836800000000000,"last_time_ns":"1577966400000000000"}

        """

    private static func score(
        _ signals: String = signals, _ events: String = events, _ options: [String] = []
    ) async throws -> (code: Int32?, output: String, log: String) {
        let folder = try TestFiles.temporaryFolder()
        defer { try? FileManager.default.removeItem(at: folder) }
        let files = [folder.appending(path: "signals.ndjson"), folder.appending(path: "events.csv")]
        for (file, text) in zip(files, [signals, events]) { try Data(text.utf8).write(to: file) }
        let program = try Program("microlab", ["score"] + files.map(\.path) + options, in: folder)
        return (await program.exitCode(), program.outputText, program.logText)
    }

    private static func number(_ key: String, _ answer: (code: Int32?, output: String, log: String)) throws -> Double? {
        #expect(answer.code == 0, "\(answer.log)")
        var value: Any? = try JSONSerialization.jsonObject(with: Data(answer.output.utf8))
        for part in key.split(separator: ".") { value = (value as? [String: Any])?[String(part)] }
        return (value as? NSNumber)?.doubleValue
    }

    /// The lines' own span holds two of the three events: found after 8.25 s, and after 5 s; one signal is far from both.
    @Test func scoresWhatWasWatched() async throws {
        let answer = try await Self.score(Self.signals, Self.events, ["--json"])
        #expect(try Self.number("events", answer) == 2)
        #expect(try Self.number("unobservedEvents", answer) == 1)
        #expect(try Self.number("falseAlarms", answer) == 1)
        #expect(try Self.number("delaySeconds.minimum", answer) == 5)
        #expect(abs((try Self.number("delaySeconds.maximum", answer) ?? 0) - 8.25) < 1e-6)
        // Twice 36 hours, less two zones of 61 minutes.
        #expect(abs((try Self.number("quietDays", answer) ?? 0) - (72 - 122.0 / 60) / 24) < 1e-9)
        let table = try await Self.score()
        #expect(table.code == 0 && table.output.contains("10 s             2   1.000"), "\(table.output)")
        #expect(table.output.contains("1 in 2.92 symbol-days: 0.343 a day a symbol"), "\(table.output)")
    }

    /// Spans of the events' own columns; the label moved to where the price did; one type, one class.
    @Test func takesWhatItIsToldTo() async throws {
        let answer = try await Self.score(
            Self.signals, Self.events,
            [
                "--json", "--span", "events", "--classes", "pump", "--types", "burst", "--offset-column", "offset_s",
                "--within", "5.5,6",
            ])
        #expect(try Self.number("events", answer) == 2)
        #expect(try Self.number("eventsOfOtherClass", answer) == 1)
        #expect(abs((try Self.number("delaySeconds.median", answer) ?? 0) - 5.75) < 1e-6)
        let levels = try #require(
            (try JSONSerialization.jsonObject(with: Data(answer.output.utf8)) as? [String: Any])?["levels"]
                as? [[String: Any]])
        #expect(levels.map { $0["found"] as? Int } == [0, 1])
    }

    @Test func withoutASpanARateIsUnknown() async throws {
        let lines = Self.signals.split(separator: "\n").filter { !$0.contains("first_time_ns") }
        let answer = try await Self.score(lines.joined(separator: "\n"))
        #expect(answer.code == 0 && answer.output.contains("a day: unknown without a span"), "\(answer.output)")
    }

    @Test(arguments: [
        ("nonsense\n", events, "line 1", 65), ("{\"symbol\":\"A\"}\n", events, "is no signal", 65),
        ("{\"symbol\":\"A\",\"type\":\"x\"}\n", events, "has no time", 65),
        ("{\"symbol\":\"A b\",\"type\":\"x\",\"timestamp\":1}\n", events, "names no symbol", 65),
        ("{\"first_time_ns\":2,\"last_time_ns\":1}\n", events, "ends before it starts", 65),
        (signals, "a,b\n1,2\n", "needs a header", 65), (signals, "", "is empty", 65),
        (signals, "symbol,label_time_utc\nA,yesterday\n", "line 2: no time: 'yesterday'", 65),
        ("", events, "neither a signal nor a span", 65),
        (
            signals, "symbol,label_time_utc,end_utc\nA,2020-01-02,2020-01-01\n",
            "line 2: the event ends before it starts", 65
        ),
    ])
    func refusesWhatItCannotRead(signals: String, events: String, problem: String, code: Int32) async throws {
        let answer = try await Self.score(signals, events)
        #expect(answer.code == code && answer.log.contains(problem), "\(answer.log)")
        #expect(!answer.log.contains("reason:"), "\(answer.log)")
    }

    @Test(arguments: [["--within", "1,x"], ["--slack", "-1"], ["--span", "5"], ["--span", "2020-01-02,2020-01-01"]])
    func refusesSettingsThatCannotBe(options: [String]) async throws {
        #expect(try await Self.score(Self.signals, Self.events, options).code == 64)
    }

    /// What is nowhere is a slip of the pen; a detector's type that gave no signal is none.
    @Test func refusesTypesAndClassesThatAreNowhere() async throws {
        let type = try await Self.score(Self.signals, Self.events, ["--types", "brust"])
        #expect(type.code == 65 && type.log.contains("signals.ndjson has no signal of the type 'brust'"), "\(type.log)")
        let group = try await Self.score(Self.signals, Self.events, ["--classes", "pmup"])
        #expect(group.code == 65 && group.log.contains("there are null, pump"), "\(group.log)")
        #expect(try await Self.score(Self.signals, Self.events, ["--types", "regime_change"]).code == 0)
    }

    /// Nothing signalled in a time that was watched: found none, and no false alarm.
    @Test func noSignalInAWatchedTimeIsAResult() async throws {
        let answer = try await Self.score("", Self.events, ["--json", "--span", "events"])
        #expect(try Self.number("falseAlarms", answer) == 0)
    }
}
