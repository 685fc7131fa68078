import Bus
import Runtime
import Logging
import Wire
import ZeroMQ

/// Reads one kind of topic from the bus on its own thread and reports in the health whether messages arrive.
struct UpstreamReader: Sendable {
    /// Market data normally arrives at least once a second; after this silence it is reported as not ready.
    static let silenceLimitSeconds = 10.0
    /// Longest time spent on queued messages once the stop is requested.
    static let drainLimitSeconds = 2.0

    let kind: Topic.Kind
    let endpoints: [Endpoint]

    init(_ kind: Topic.Kind, _ endpoints: [Endpoint]) {
        self.kind = kind
        self.endpoints = endpoints
    }

    /// The reader's name in the health: `ticks`, `features`.
    var part: String { kind.rawValue + "s" }

    func run(
        in context: Context, _ runtime: ServiceRuntime, until stop: StopSignal,
        _ process: (Topic, ProtoEnvelope) -> Void
    ) throws {
        var subscriber = try Subscriber(
            EndpointDirectory(endpoints, logger: runtime.logger), topics: [Topic.prefix(kind)], in: context,
            logger: runtime.logger)
        var lastHeard: Int64?
        // Until a message arrives, the process is not ready.
        beat(runtime.health, subscriber.counts, silence: nil)
        var nextBeat: Int64 = 0
        while !stop.isRequested {
            let delivery = try subscriber.next(timeoutMilliseconds: 100)
            let now = HostClock.monotonicNanoseconds
            if let delivery {
                hand(delivery, from: subscriber, to: process)
                lastHeard = now
            }
            guard now >= nextBeat else { continue }
            nextBeat = now + 1_000_000_000
            beat(runtime.health, subscriber.counts, silence: lastHeard.map { Double(now - $0) / 1e9 })
        }
        let end = HostClock.monotonicNanoseconds + Int64(Self.drainLimitSeconds * 1e9)
        while HostClock.monotonicNanoseconds < end, let delivery = try subscriber.next(timeoutMilliseconds: 0) {
            hand(delivery, from: subscriber, to: process)
        }
    }

    /// The boards keep whole payloads, as the API shows them.
    private func hand(
        _ delivery: Delivery, from subscriber: borrowing Subscriber, to process: (Topic, ProtoEnvelope) -> Void
    ) {
        // Cannot fail: the subscriber delivers only what the generated types read.
        guard let envelope = try? subscriber.envelope() else { return }
        process(delivery.topic, envelope)
    }

    private func beat(_ health: Health, _ counts: SequenceTracker.Counts, silence: Double?) {
        let isHeard = silence.map { $0 < Self.silenceLimitSeconds } ?? false
        let detail =
            silence.map { "\(counts.received) received, \(counts.lost) lost, last \(Int($0)) s ago" }
            ?? "nothing received yet"
        health.beat(part, isReady: isHeard, detail: detail)
    }
}
