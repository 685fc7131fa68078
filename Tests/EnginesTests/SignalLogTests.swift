@testable import Bus
@testable import Engines
@testable import Runtime
@testable import Storage
import Foundation
import Logging
import Microstructure
import Synchronization
import TestSupport
import Testing
import Wire
import ZeroMQ

@Suite struct SignalLogTests {
    static func signal(_ number: Int, symbol: String = "BTCUSDT") -> ProtoSignal {
        var signal = ProtoSignal()
        signal.id = "\(number)-\(symbol)-drift"
        signal.venue = "binance"
        signal.symbol = symbol
        signal.type = "drift"
        signal.score = 0.5
        signal.detectedTimeNs = Int64(number)
        return signal
    }

    private func withFolder(_ body: (URL) async throws -> Void) async throws {
        let folder = try TestFiles.temporaryFolder()
        defer { try? FileManager.default.removeItem(at: folder) }
        try await body(folder)
    }

    /// Sequences go on across reopening and retention, without a hole and without repetition.
    @Test func sequencesAreContiguousAndNeverUsedTwice() async throws {
        try await withFolder { folder in
            let path = folder.path + "/log.sqlite"
            var id: UInt64 = 0
            for round in 0..<4 {
                let log = try SignalLog(path: path)
                let extent = try log.extent
                #expect(extent.last == UInt64(round * 10))
                #expect(id == 0 || extent.id == id)
                id = extent.id
                let first = try log.append((0..<10).map { Self.signal(round * 10 + $0) }, at: Int64(round * 1_000))
                #expect(first.logged.map(\.logSequence) == (1...10).map { UInt64(round * 10 + $0) })
                #expect(first.logged.allSatisfy { $0.logID == id && $0.loggedTimeNs == round * 1_000 })
                let again = try log.append((5..<10).map { Self.signal(round * 10 + $0) }, at: 0)
                #expect(again.logged.isEmpty && again.duplicates == 5)
                #expect(throws: StorageError.self) { try SignalLog(path: path) }
            }
            let log = try SignalLog(path: path)
            #expect(try log.signals(after: 35, limit: 100).map(\.logSequence) == [36, 37, 38, 39, 40])
            #expect(try log.signals(after: 0, limit: 3).map(\.logSequence) == [1, 2, 3])
            #expect(try log.signals(after: 40, limit: 100).isEmpty)
            // By age: everything logged before time 2000 − 1 µs.
            #expect(try log.prune(.init(days: 1e-6 / 86_400, bytes: 1 << 30), at: 2_000) == 10)
            #expect(try log.extent.first == 11)
            #expect(try log.prune(.init(days: 1e-6 / 86_400, bytes: 1 << 30), at: 1_000_000) == 30)
            #expect(try log.extent.first == 41 && log.extent.last == 40)
            #expect(try log.append([Self.signal(99)], at: 0).logged.map(\.logSequence) == [41])
        }
    }

    /// The write-ahead log is as long as it will be from the start, and what it is filled with is never taken for signals: not
    /// after a kill either, of which a copy made meanwhile is a picture.
    @Test func commitsMakeNoFileLonger() async throws {
        try await withFolder { folder in
            let (path, copy) = (folder.path + "/log.sqlite", folder.path + "/copy.sqlite")
            func length() throws -> Int? {
                try FileManager.default.attributesOfItem(atPath: path + "-wal")[.size] as? Int
            }
            for round in 0..<2 {
                let log = try SignalLog(path: path)
                let before = try #require(try length())
                #expect(before >= 5 << 20)
                for number in 0..<20 { _ = try log.append([Self.signal(round * 20 + number)], at: 1) }
                #expect(try length() == before)
                for end in ["", "-wal"] {
                    try? FileManager.default.removeItem(atPath: copy + end)
                    try FileManager.default.copyItem(atPath: path + end, toPath: copy + end)
                }
                let killed = try SignalLog(path: copy)
                #expect(try killed.extent == log.extent && killed.extent.last == UInt64(round * 20 + 20))
                #expect(try killed.signals(after: 0, limit: 100).count == round * 20 + 20)
                #expect(try killed.append([Self.signal(999)], at: 1).logged.map(\.logSequence) == [killed.extent.last])
            }
        }
    }

    @Test func retentionBySizeTakesTheOldest() async throws {
        try await withFolder { folder in
            let log = try SignalLog(path: folder.path + "/log.sqlite")
            for batch in 0..<20 {
                _ = try log.append((0..<500).map { Self.signal(batch * 500 + $0) }, at: Int64(batch))
            }
            let deleted = try log.prune(.init(days: 30, bytes: 1 << 20), at: 100)
            let extent = try log.extent
            #expect(deleted > 500 && extent.first == UInt64(deleted) + 1 && extent.last == 10_000)
            #expect(try log.prune(.init(days: 30, bytes: 1 << 20), at: 100) == 0)
        }
    }

    /// Live and replayed signals in any order, with holes and repetitions: each comes out once, in order.
    @Test func aFollowerMakesOrderOfAnything() {
        var random = SplitMix64(testSeed: testSeed)
        for _ in 0..<200 {
            var follower = LogFollower(position: 0)
            var due: [ProtoSignal] = []
            func numbered(_ sequence: UInt64) -> ProtoSignal {
                var signal = Self.signal(Int(sequence))
                signal.logSequence = sequence
                return signal
            }
            let last = UInt64.random(in: 1...60, using: &random)
            var live = (1...last).filter { _ in Int.random(in: 0..<3, using: &random) > 0 }
            if Bool.random(using: &random) { live.shuffle(using: &random) }
            while follower.position < last {
                if !live.isEmpty, Int.random(in: 0..<3, using: &random) > 0 {
                    follower.receive(numbered(live.removeFirst()), into: &due)
                } else {
                    // A replay from the position, of some length; at times from an older one.
                    let start = follower.position - min(follower.position, UInt64.random(in: 0...3, using: &random))
                    let end = min(last, start + UInt64.random(in: 1...10, using: &random))
                    for sequence in start + 1...max(end, start + 1) where sequence <= last {
                        follower.receive(numbered(sequence), into: &due)
                    }
                }
            }
            for sequence in live { follower.receive(numbered(sequence), into: &due) }
            #expect(due.map(\.logSequence) == Array(1...last))
            #expect(!follower.hasHole)
        }
    }

    /// What retention took is counted as lost, what came live in the meantime is not.
    @Test func aFollowerSkipsWhatIsGone() {
        var follower = LogFollower(position: 2)
        var due: [ProtoSignal] = []
        var signal = Self.signal(5)
        signal.logSequence = 5
        follower.receive(signal, into: &due)
        #expect(follower.hasHole && due.isEmpty)
        #expect(follower.skip(to: 8, into: &due) == 4)
        #expect(due.map(\.logSequence) == [5] && follower.position == 7 && !follower.hasHole)
        #expect(follower.skip(to: 8, into: &due) == 0)
    }

    /// The whole pattern over real sockets: a consumer that was away, a detector that dies between commit and
    /// publication, a consumer that starts again from its position.
    @Test(.timeLimit(.minutes(1))) func aFeedFillsEveryHole() async throws {
        try await withFolder { folder in
            // What a detector logged and never published.
            do {
                let log = try SignalLog(path: folder.path + "/signals.sqlite")
                for batch in 0..<3 {
                    _ = try log.append((0..<400).map { Self.signal(batch * 400 + $0) }, at: HostClock.now.nanoseconds)
                }
            }
            let bench = try LogBench(folder)
            let context = try Context()
            let logger = Logger(label: "test")
            var received: [ProtoSignal] = []
            var positions: [UInt64: UInt64] = [:]
            func follow(until count: Int) async throws {
                var feed = try SignalFeed(
                    .subscribe([bench.signals]), replay: [bench.replay], positions: positions, in: context,
                    logger: logger)
                let end = HostClock.monotonicNanoseconds + 20_000_000_000
                while received.count < count, HostClock.monotonicNanoseconds < end {
                    received += try feed.next(timeoutMilliseconds: 20)
                }
                positions = feed.positions
            }
            try await follow(until: 1_200)
            #expect(received.map(\.logSequence) == Array(1...1_200))
            // Published while nobody listened.
            for number in 1_200..<1_500 { bench.log(Self.signal(number)) }
            try await follow(until: 1_500)
            // Live, and appended by another program.
            var appender = try LogAppender([bench.replay], in: context, logger: logger)
            _ = await eventually { (try? appender.append([Self.signal(1_500)], timeoutMilliseconds: 500)) != nil }
            try appender.append([Self.signal(1_500), Self.signal(1_501)], timeoutMilliseconds: 2_000)
            for number in 1_502..<1_600 { bench.log(Self.signal(number)) }
            try await follow(until: 1_600)
            #expect(received.map(\.logSequence) == Array(1...1_600))
            #expect(Set(received.map(\.id)).count == 1_600)
            #expect(positions.values.first == 1_600)
            try await bench.stop()
        }
    }

    /// The example in Python: killed and started again, it prints each signal in order, at most one a kill twice.
    @Test(.timeLimit(.minutes(1))) func aConsumerInPythonMissesNone() async throws {
        try await withFolder { folder in
            let bench = try LogBench(folder)
            let script = TestFiles.root.appending(path: "proto/examples/durable_signals.py").path
            let arguments = [
                script, "--connect", "\(bench.signals)", "--replay", "\(bench.replay)", "--state",
                folder.path + "/position.json",
            ]
            var printed: [String] = []
            for round in 0..<3 {
                // Some while it is away, some while it runs.
                for number in 0..<20 { bench.log(Self.signal(round * 40 + number)) }
                let consumer = try Program(
                    "consumer", arguments, in: folder, tag: "-\(round)", executable: URL(filePath: "/usr/bin/python3"))
                func lines() -> [String] { consumer.outputText.split(separator: "\n").map(String.init) }
                func hasReached(_ sequence: Int) async -> Bool {
                    await eventually { lines().last?.hasPrefix("\(sequence) ") ?? false }
                }
                #expect(await hasReached(round * 40 + 20), "\(consumer.outputText) \(consumer.logText)")
                for number in 20..<40 { bench.log(Self.signal(round * 40 + number)) }
                #expect(await hasReached(round * 40 + 40), "\(consumer.outputText) \(consumer.logText)")
                consumer.signal(SIGKILL)
                _ = await consumer.exitCode()
                printed += lines()
            }
            let sequences = printed.compactMap { $0.split(separator: " ").first.flatMap { Int($0) } }
            #expect(sequences.count <= 122 && sequences == sequences.sorted())
            #expect(Set(sequences) == Set(1...120))
            try await bench.stop()
        }
    }

    /// Nothing that a stranger sends upsets the service, and it says what was wrong.
    @Test(.timeLimit(.minutes(1))) func theServiceSurvivesStrangers() async throws {
        try await withFolder { folder in
            let bench = try LogBench(folder)
            let context = try Context()
            var options = SocketOptions()
            options.receiveTimeoutMilliseconds = 5_000
            options.lingerMilliseconds = 0
            let socket = try Socket(.dealer, in: context, options: options)
            try socket.connect("\(bench.replay)")
            var message = Message(maximumFrames: 2)
            func ask(_ request: ProtoLogRequest) throws -> ProtoLogResponse {
                let bytes: [UInt8] = try request.serializedBytes()
                #expect(try socket.send(bytes.span.bytes))
                #expect(try socket.receive(into: &message))
                return try ProtoLogResponse(serializedBytes: message.frame(0))
            }
            #expect(try socket.send([[1, 2, 3], [4]]))
            let junk = [UInt8](repeating: 0xFF, count: 100)
            #expect(try socket.send(junk.span.bytes))
            #expect(try ask(ProtoLogRequest()).error.contains("nothing that this version knows"))
            var request = ProtoLogRequest()
            request.append.signals = [ProtoSignal()]
            #expect(try ask(request).error.contains("signal id"))
            var bad = Self.signal(1)
            bad.symbol = "A|B.C"
            request.append.signals = [Self.signal(0), bad]
            #expect(try ask(request).error.contains("signal symbol"))
            for score in [1.5, -0.1, .nan, .infinity] {
                bad = Self.signal(1)
                bad.score = score
                request.append.signals = [Self.signal(0), bad]
                #expect(try ask(request).error.contains("signal score"))
            }
            request.append.signals = Array(repeating: Self.signal(0), count: SignalLog.replayLimit + 1)
            #expect(try ask(request).error.contains("too many"))
            request.replay.logID = 99
            let hello = try ask(request)
            #expect(hello.lastSequence == 0 && hello.firstSequence == 1 && hello.signals.isEmpty && hello.logID != 0)
            request.append.signals = [Self.signal(0)]
            #expect(try ask(request).appended == 1)
            request.replay.logID = hello.logID
            request.replay.limit = .max
            #expect(try ask(request).signals.map(\.id) == [Self.signal(0).id])
            try await bench.stop()
        }
    }
}

/// A detector's log thread with its sockets.
final class LogBench: @unchecked Sendable {
    let signals: Endpoint
    let replay: Endpoint
    private let queue: Mailbox<UnloggedSignal>
    private let task: Task<Void, any Error>

    init(_ folder: URL) throws {
        let wake = try WakeSignal()
        let queue = Mailbox<UnloggedSignal>(limit: 1_000, waking: { wake.wake() })
        (signals, replay) = (.plain("ipc://\(folder.path)/s"), .plain("ipc://\(folder.path)/r"))
        let configuration = SignalLogConfiguration(
            path: folder.path + "/signals.sqlite", publish: [signals], alerts: [], replay: [replay])
        let runtime = ServiceRuntime(
            name: "detector", logger: Logger(label: "test"), health: Health(),
            metrics: PrometheusRegistry(descriptions: []), epoch: UInt64(HostClock.now.nanoseconds))
        self.queue = queue
        let thread = StageThread("log") { stop in
            try SignalLogStage.run(configuration, runtime, from: queue, wokenBy: wake, until: stop)
        }
        task = Task { try await thread.run() }
    }

    func log(_ signal: ProtoSignal) {
        #expect(
            queue.put(
                UnloggedSignal(
                    signal: signal, topic: .signal(venue: signal.venue, symbol: signal.symbol, type: signal.type))))
    }

    func stop() async throws {
        task.cancel()
        try await task.value
    }
}
