import TestSupport
@testable import Alerter
@testable import Runtime
import Wire
import Foundation
import Testing

/// When held alerts go out, by the clock of the zone that the policy names.
@Suite struct QuietHoursTests {
    private static func engine(_ quietHours: String) throws -> PolicyEngine {
        let folder = try TestFiles.temporaryFolder()
        defer { try? FileManager.default.removeItem(at: folder) }
        let path = folder.path + "/policy.json"
        try #"{"routes": [{"name": "r", "quietHours": [\#(quietHours)]}]}"#.write(
            toFile: path, atomically: true, encoding: .utf8)
        return PolicyEngine(try AlertPolicy(file: path, channels: ["slack"]), channels: ["slack"])
    }

    /// When a signal of `score` at `time` goes out: the time, `at once`, or the reason why not.
    private static func outcome(_ quietHours: String, at time: String, score: Double = 0.7) throws -> String {
        var engine = try engine(quietHours)
        let now = Int64(try Date(time, strategy: .iso8601).timeIntervalSince1970) * 1_000_000_000
        let signal = SignalDocument(id: "x", timestamp: 0, signalType: "drift", score: score, symbol: "BTCUSDT")
        switch engine.process(signal, at: now)[0].outcome {
        case .suppress(let reason): return reason.rawValue
        case .deliver(_, let readyAt, let hold):
            guard readyAt > now else {
                #expect(hold == nil)
                return "at once"
            }
            let end = Date(timeIntervalSince1970: Double(readyAt) / 1e9).formatted(.iso8601)
            #expect(hold == "quiet_hours until \(end)")
            return end
        }
    }

    /// Windows that touch, overlap or follow over midnight are one: nothing goes out between them.
    @Test func anAlertIsHeldThroughAdjacentWindows() throws {
        let night = #"{"from": "22:00", "to": "07:00"}"#
        let meeting = #"{"from": "07:00", "to": "09:30"}"#
        #expect(try Self.outcome("\(night), \(meeting)", at: "2024-08-08T23:00:00Z") == "2024-08-09T09:30:00Z")
        #expect(try Self.outcome("\(meeting), \(night)", at: "2024-08-08T23:00:00Z") == "2024-08-09T09:30:00Z")
        let evening = #"{"from": "18:00", "to": "24:00"}"#
        let morning = #"{"from": "00:00", "to": "06:00"}"#
        #expect(try Self.outcome("\(evening), \(morning)", at: "2024-08-08T19:00:00Z") == "2024-08-09T06:00:00Z")
        let overlap = #"{"from": "05:00", "to": "08:00", "timeZone": "Europe/Berlin"}"#
        #expect(try Self.outcome("\(morning), \(overlap)", at: "2024-08-09T02:00:00Z") == "2024-08-09T06:00:00Z")
        // The second window does not hold this severity.
        let quieter = #"{"from": "07:00", "to": "09:30", "minSeverity": "warning"}"#
        #expect(try Self.outcome("\(night), \(quieter)", at: "2024-08-08T23:00:00Z") == "2024-08-09T07:00:00Z")
        #expect(
            try Self.outcome("\(night), \(quieter)", at: "2024-08-08T23:00:00Z", score: 0.3) == "2024-08-09T09:30:00Z")
        // A window that drops does not take what another has held, and holds it on.
        let dropping = #"{"from": "07:00", "to": "09:30", "hold": false}"#
        #expect(try Self.outcome("\(night), \(dropping)", at: "2024-08-08T23:00:00Z") == "2024-08-09T09:30:00Z")
        #expect(try Self.outcome("\(night), \(dropping)", at: "2024-08-09T08:00:00Z") == "quiet_hours")
        #expect(try Self.outcome("\(night), \(meeting)", at: "2024-08-09T09:30:00Z") == "at once")
    }

    /// Held for different times, one alert does not wait for another.
    @Test func whatIsHeldLongerHoldsUpNothing() throws {
        var engine = try Self.engine(
            #"{"from": "22:00", "to": "07:00"}, {"from": "07:00", "to": "09:00", "minSeverity": "warning"}"#)
        let now = Int64(try Date("2024-08-08T23:00:00Z", strategy: .iso8601).timeIntervalSince1970) * 1_000_000_000
        let lanes = [0.3, 0.7].map { score in
            let signal = SignalDocument(id: "x", timestamp: 0, signalType: "drift", score: score, symbol: "BTCUSDT")
            guard case .deliver(let lane, _, _) = engine.process(signal, at: now)[0].outcome else { return "" }
            return lane
        }
        #expect(Set(lanes).count == 2)
    }

    /// `24:00` is the end of a day, and days are those on which the hours begin.
    @Test func wholeDaysEndAtMidnight() throws {
        let weekend = #"{"from": "00:00", "to": "24:00", "days": ["sat", "sun"], "timeZone": "Europe/Berlin"}"#
        // 2024-08-10 was a Saturday; Berlin's Saturday began at 22:00 UTC on Friday.
        #expect(try Self.outcome(weekend, at: "2024-08-09T21:59:59Z") == "at once")
        #expect(try Self.outcome(weekend, at: "2024-08-09T22:00:00Z") == "2024-08-11T22:00:00Z")
        #expect(try Self.outcome(weekend, at: "2024-08-11T21:59:59Z") == "2024-08-11T22:00:00Z")
        #expect(try Self.outcome(weekend, at: "2024-08-11T22:00:00Z") == "at once")
        let friday = #"{"from": "20:00", "to": "08:00", "days": ["fri"]}"#
        #expect(try Self.outcome(friday, at: "2024-08-10T07:00:00Z") == "2024-08-10T08:00:00Z")
        #expect(try Self.outcome(friday, at: "2024-08-09T07:00:00Z") == "at once")
        #expect(try Self.outcome(friday, at: "2024-08-10T21:00:00Z") == "at once")
    }

    /// The clock put forward and back: in Berlin on 2024-03-31 from 02:00 to 03:00, on 2024-10-27 from 03:00 to 02:00.
    @Test func aShiftOfTheClockMakesNightsShorterOrLonger() throws {
        func window(_ from: String, _ to: String, _ zone: String = "Europe/Berlin") -> String {
            #"{"from": "\#(from)", "to": "\#(to)", "timeZone": "\#(zone)"}"#
        }
        #expect(try Self.outcome(window("22:00", "07:00"), at: "2024-03-30T22:00:00Z") == "2024-03-31T05:00:00Z")
        #expect(try Self.outcome(window("22:00", "07:00"), at: "2024-10-26T22:00:00Z") == "2024-10-27T06:00:00Z")
        // 02:30 does not exist: the hours end when the clock jumps.
        #expect(try Self.outcome(window("22:00", "02:30"), at: "2024-03-31T00:30:00Z") == "2024-03-31T01:00:00Z")
        // 02:30 comes twice: the hours end at the first, and the second 02:15 is not quiet again.
        #expect(try Self.outcome(window("22:00", "02:30"), at: "2024-10-27T00:15:00Z") == "2024-10-27T00:30:00Z")
        #expect(try Self.outcome(window("22:00", "02:30"), at: "2024-10-27T01:15:00Z") == "at once")
        // In Santiago the clock jumps at midnight: 2024-09-08 begins at 01:00.
        #expect(
            try Self.outcome(window("20:00", "24:00", "America/Santiago"), at: "2024-09-08T02:00:00Z")
                == "2024-09-08T04:00:00Z")
    }
}
