import Runtime
import Wire
import ZeroMQ

/// The main loop of a stage that reads from the bus.
package enum StageLoop {
    /// Maximum time spent draining queued messages after a stop request.
    static let drainLimitNanoseconds: Int64 = 2_000_000_000

    /// A stage without messages for this long is not ready: its upstream publishes a status every second.
    static let silenceLimitNanoseconds: Int64 = 10_000_000_000

    package enum Event<Message> {
        case message(Message)
        /// About a second has passed: time for housekeeping.
        case second
    }

    /// Reads until a stop is requested, then drains the queued messages within the limit.
    package static func run(
        _ subscriber: consuming Subscriber, health: Health, part: String, until stop: StopSignal,
        _ process: (Event<Delivery>) throws(ZMQError) -> Void
    ) throws(ZMQError) {
        try run(subscriber, health, part, stop, process) { subscriber, timeout throws(ZMQError) in
            try subscriber.next(timeoutMilliseconds: timeout)
        }
    }

    /// Same, for a hot-path stage: messages are read into storage that the next message overwrites.
    package static func run(
        _ subscriber: consuming Subscriber, health: Health, part: String, until stop: StopSignal,
        reading process: (Event<Reception>, borrowing EnvelopeReader) throws(ZMQError) -> Void
    ) throws(ZMQError) {
        var reader = EnvelopeReader()
        try run(subscriber, health, part, stop) { event throws(ZMQError) in
            try process(event, reader)
        } next: { subscriber, timeout throws(ZMQError) in
            try subscriber.next(timeoutMilliseconds: timeout, into: &reader)
        }
    }

    private static func run<Message>(
        _ subscriber: consuming Subscriber, _ health: Health, _ part: String, _ stop: StopSignal,
        _ process: (Event<Message>) throws(ZMQError) -> Void,
        next: (inout Subscriber, Int) throws(ZMQError) -> Message?
    ) throws(ZMQError) {
        var subscriber = subscriber
        var nextSecond = HostClock.monotonicNanoseconds
        var lastMessage: Int64?
        while !stop.isRequested {
            let message = try next(&subscriber, 100)
            let now = HostClock.monotonicNanoseconds
            if let message {
                lastMessage = now
                try process(.message(message))
            }
            guard now >= nextSecond else { continue }
            nextSecond = now + 1_000_000_000
            let counts = subscriber.counts
            health.beat(
                part, isReady: lastMessage.map { now - $0 < silenceLimitNanoseconds } ?? false,
                detail: "\(counts.received) received, \(counts.lost) lost")
            try process(.second)
        }
        let end = HostClock.monotonicNanoseconds + drainLimitNanoseconds
        while HostClock.monotonicNanoseconds < end, let message = try next(&subscriber, 0) {
            try process(.message(message))
        }
    }
}
