import TestSupport
@testable import Bus
@testable import Runtime
import Foundation
import Logging
import Synchronization
import Testing
import Wire
import ZeroMQ

/// What enters a follower of signals, from sockets that any program can write to.
@Suite struct SignalFeedTests {
    private static func signal(_ number: Int, log: UInt64 = 0, sequence: UInt64 = 0) -> ProtoSignal {
        var signal = ProtoSignal()
        signal.id = "id-\(number)"
        signal.venue = "binance"
        signal.symbol = "BTCUSDT"
        signal.type = "drift"
        signal.score = 0.5
        signal.detectedTimeNs = Int64(number)
        (signal.logID, signal.logSequence) = (log, sequence)
        return signal
    }

    private static func envelope(_ payload: ProtoEnvelope.OneOf_Payload) -> [UInt8] {
        var envelope = ProtoEnvelope()
        envelope.sequence = 1
        envelope.payload = payload
        return EnvelopeCodec.encode(envelope)
    }

    /// Pushed garbage, absurd values and other messages: counted, said in one line a kind, and what is good among them
    /// arrives.
    @Test func whatIsPushedIsChecked() throws {
        let folder = try TestFiles.temporaryFolder()
        defer { try? FileManager.default.removeItem(at: folder) }
        let lines = LogLines()
        let context = try Context()
        let endpoint = "ipc://\(folder.path)/alerts"
        var feed = try SignalFeed(
            .pull([.plain(endpoint)]), replay: [], positions: [:], in: context, logger: lines.logger)
        let socket = try Socket(.push, in: context)
        try socket.connect(endpoint)
        let absurd: [(inout ProtoSignal) -> Void] = [
            { $0.score = 7 }, { $0.score = .nan }, { $0.detectedTimeNs = .min }, { $0.symbol = "A|B" },
            { $0.metric = String(repeating: "m", count: 100_000) },
            { ($0.logID, $0.logSequence) = (9, .max) },
        ]
        var frames: [[[UInt8]]] = [
            [[], [1, 2, 3]], [[]], [[], [], []], [[], Self.envelope(.quote(ProtoQuote()))],
        ]
        for change in absurd {
            var signal = Self.signal(0)
            change(&signal)
            frames.append([[], Self.envelope(.signal(signal))])
        }
        for round in 1...50 {
            for frame in frames { #expect(try socket.send(frame)) }
            #expect(try socket.send([[], Self.envelope(.signal(Self.signal(round)))]))
        }
        var ids: [String] = []
        let end = HostClock.monotonicNanoseconds + 30_000_000_000
        while ids.count < 50, HostClock.monotonicNanoseconds < end {
            ids += try feed.next(timeoutMilliseconds: 100).map(\.id)
        }
        #expect(ids == (1...50).map { "id-\($0)" })
        let refused = lines.all.filter { $0.contains("refused") }
        // One line for each kind, not one for each of the 500.
        for kind in [
            "not a protobuf", "frame_count", "too_many_frames", "not_a_signal", "signal score", "signal time",
            "signal symbol", "signal metric", "signal log sequence",
        ] { #expect(refused.count { $0.contains(kind) } == 1, "\(kind): \(refused)") }
        #expect(refused.count <= 9)
    }

    /// Sequences and log ids that a stranger invents neither trap nor fill the memory.
    @Test func anInventedPlaceInALogIsHarmless() {
        var follower = LogFollower(position: 0)
        var due: [ProtoSignal] = []
        follower.receive(Self.signal(1, log: 1, sequence: .max), into: &due)
        #expect(due.isEmpty && !follower.hasHole)
        _ = follower.skip(to: .max, into: &due)
        follower.receive(Self.signal(2, log: 1, sequence: .max), into: &due)
        _ = follower.skip(to: .max, into: &due)
        #expect(due.isEmpty)
    }
}

/// Keeps what a logger says.
private final class LogLines: LogHandler, Sendable {
    private let lines = Mutex<[String]>([])

    var logger: Logger { Logger(label: "test") { _ in self } }
    var all: [String] { lines.withLock { $0 } }

    subscript(metadataKey _: String) -> Logger.Metadata.Value? {
        get { nil }
        set { _ = newValue }
    }
    var metadata: Logger.Metadata {
        get { [:] }
        set { _ = newValue }
    }
    var logLevel: Logger.Level {
        get { .trace }
        set { _ = newValue }
    }

    func log(event: LogEvent) {
        let fields = event.metadata ?? [:]
        let text = "\(event.message) " + fields.map { "\($0)=\($1)" }.sorted().joined(separator: " ")
        lines.withLock { $0.append(text) }
    }
}
