@testable import Runtime
import Foundation
import Logging
import Synchronization
import Testing

@Suite struct RepeatedLogTests {
    /// Keeps the lines.
    private final class Sink: LogHandler, Sendable {
        private let kept = Mutex<[String]>([])
        var lines: [String] { kept.withLock { $0 } }
        var metadata: Logger.Metadata {
            get { [:] }
            set {}
        }
        var logLevel: Logger.Level {
            get { .trace }
            set {}
        }
        subscript(metadataKey key: String) -> Logger.Metadata.Value? {
            get { nil }
            set {}
        }
        func log(event: LogEvent) {
            let metadata = (event.metadata ?? [:]).sorted { $0.key < $1.key }.map { "\($0.key)=\($0.value)" }
            kept.withLock { $0.append("\(event.level) \(event.message) \(metadata.joined(separator: " "))") }
        }
    }

    private static let second: Int64 = 1_000_000_000

    @Test func ofEachKindTheFirstIsLoggedAndThenOneAMinuteWithTheCount() {
        let sink = Sink()
        var log = RepeatedLog(Logger(label: "test") { _ in sink })
        for event in 0..<3_000 {
            let kind = event % 2 == 0 ? "even" : "odd"
            log.write("refused", kind: kind, metadata: ["reason": "\(kind)"], at: Int64(event) * Self.second / 1_000)
        }
        #expect(sink.lines == ["warning refused reason=even", "warning refused reason=odd"])
        log.write("refused", level: .error, kind: "odd", metadata: ["reason": "odd"], at: 61 * Self.second)
        #expect(sink.lines.last == "error refused not_logged_before=1499 reason=odd")
        log.write("refused", kind: "odd", metadata: [:], at: 200 * Self.second)
        #expect(sink.lines.last == "warning refused ")
    }

    /// Names that a peer invents are kinds too.
    @Test func inventedKindsDoNotFillTheLog() {
        let sink = Sink()
        var log = RepeatedLog(Logger(label: "test") { _ in sink })
        for event in 0..<3_000 { log.write("refused", kind: "\(event)", metadata: [:], at: 5) }
        #expect(sink.lines.count == RepeatedLog.kindLimit + 1)
        // A minute later there is room again.
        log.write("refused", kind: "new", metadata: [:], at: 70 * Self.second)
        #expect(sink.lines.count == RepeatedLog.kindLimit + 2)
    }
}
