@testable import Runtime
import TestSupport
@testable import Bus
@testable import Engines
import Foundation
import Logging
import Microstructure
import Testing
import Wire
import ZeroMQ

/// What `features` published during a run, and what `microlab features` makes of the run's tape.
final class LiveVectors {
    private var subscriber: Subscriber
    private var live: [String: [String]] = [:]
    private var schemas: Set<String> = []
    private let recorder: Program
    private let folder: URL
    private var tape: String { folder.appending(path: "tape").path }

    /// Listens to the feature topics, and starts a recorder of the ticks: one listener more for each ingest.
    init(features: String, ticks: [String], in context: Context, folder: URL) throws {
        self.folder = folder
        let logger = Logger(label: "test")
        subscriber = try Subscriber(
            EndpointDirectory([.plain(features)], logger: logger), topics: [Topic.prefix(.feature)], in: context,
            logger: logger)
        recorder = try Program(
            "microlab",
            [
                "record", "--connect", ticks.joined(separator: ","), "--out", folder.appending(path: "tape").path,
                "--metrics-port", "0",
            ], in: folder, tag: "-record")
    }

    /// Takes the vectors that are waiting.
    func drain(timeoutMilliseconds: Int = 0) throws {
        while let delivery = try subscriber.next(timeoutMilliseconds: timeoutMilliseconds) {
            if case .first(let missed) = delivery.arrival { #expect(missed == 0) }
            let symbol = delivery.topic.symbol
            let payload = try subscriber.envelope().payload
            if case .featureSchema(let schema) = payload {
                #expect(try FeatureSchema(schema) == FeatureSchema())
                schemas.insert(symbol)
            }
            guard case .featureVector(let vector) = payload else { continue }
            // What the columns are is said before the first vector.
            #expect(schemas.contains(symbol))
            let validity = ["", "valid", "resyncing", "stale"][vector.validity.rawValue]
            let keys = "\(vector.receiveTimeNs),\(vector.venueTimeNs),\(symbol),\(validity),\(vector.bookEpoch)"
            live[symbol, default: []].append(keys + vector.values.map { ",\($0)" }.joined())
        }
    }

    /// Ends the recorder and computes the features of its tape: they must be the live ones, bit for bit. Call it when
    /// the ingest processes have ended.
    func expectTheSameOffline() async throws {
        try drain(timeoutMilliseconds: 1_500)
        #expect(subscriber.counts.lost == 0)
        recorder.signal(SIGTERM)
        #expect(await recorder.exitCode() == 0, "\(recorder.logText)")
        let export = try Program("microlab", ["features", tape], in: folder, tag: "-features")
        #expect(await export.exitCode() == 0, "\(export.logText)")
        let rows = export.outputText.split(separator: "\n").dropFirst().map(String.init)
        let offline = Dictionary(grouping: rows) { String($0.split(separator: ",")[2]) }
        #expect(offline.keys.sorted() == live.keys.sorted())
        for (symbol, vectors) in live.sorted(by: { $0.key < $1.key }) {
            let equal = zip(vectors, offline[symbol] ?? []).count { $0 == $1 }
            print(
                "\(symbol): \(vectors.count) vectors live, \(offline[symbol]?.count ?? 0) from the tape, \(equal) equal"
            )
            #expect(vectors.count > 3_400 && equal == vectors.count && offline[symbol]?.count == equal)
        }
    }

    /// Computes the signals of the tape: they must be those that the detector logged, byte for byte. Call it when the
    /// detector has ended.
    func expectTheSameSignalsOffline(log: SignalLog) async throws {
        var logged: [String: [String]] = [:]
        var last: UInt64 = 0
        while case let page = try log.signals(after: last, limit: SignalLog.replayLimit), !page.isEmpty {
            for signal in page {
                let line = String(decoding: try CompactJSON.bytes(SignalDocument(signal)), as: UTF8.self)
                logged[signal.symbol, default: []].append(line)
            }
            last = page[page.count - 1].logSequence
        }
        let detect = try Program("microlab", ["detect", tape, "--profile", "classic"], in: folder, tag: "-detect")
        #expect(await detect.exitCode() == 0, "\(detect.logText)")
        let lines = detect.outputText.split(separator: "\n").map(String.init)
        let offline = try Dictionary(grouping: lines) {
            try JSONDecoder().decode(SignalDocument.self, from: Data($0.utf8)).symbol
        }
        #expect(offline.keys.sorted() == logged.keys.sorted())
        for (symbol, signals) in logged.sorted(by: { $0.key < $1.key }) {
            print("\(symbol): \(signals.count) signals live, \(offline[symbol]?.count ?? 0) from the tape")
            #expect(signals == offline[symbol])
        }
    }
}
