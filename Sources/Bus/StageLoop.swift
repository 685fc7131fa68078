import Runtime
import Wire
import ZeroMQ

/// The main loop of a stage that reads from the bus.
package enum StageLoop {
    /// Maximum time spent draining queued messages after a stop request.
    static let drainLimitNanoseconds: Int64 = 2_000_000_000

    /// A stage without messages for this long is not ready: its upstream publishes a status every second.
    static let silenceLimitNanoseconds: Int64 = 10_000_000_000

    package enum Event {
        /// The subscriber's reader holds its content.
        case message(Delivery)
        /// About a second has passed: time for housekeeping.
        case second
    }

    /// Reads until a stop is requested, then drains the queued messages within the limit.
    package static func run(
        _ subscriber: consuming Subscriber, health: Health, part: String, until stop: StopSignal,
        _ process: (Event, borrowing Subscriber) throws(ZMQError) -> Void
    ) throws(ZMQError) {
        var subscriber = subscriber
        var nextSecond = HostClock.monotonicNanoseconds
        var lastMessage: Int64?
        while !stop.isRequested {
            let message = try subscriber.next(timeoutMilliseconds: 100)
            let now = HostClock.monotonicNanoseconds
            if let message {
                lastMessage = now
                try process(.message(message), subscriber)
            }
            guard now >= nextSecond else { continue }
            nextSecond = now + 1_000_000_000
            let counts = subscriber.counts
            health.beat(
                part, isReady: lastMessage.map { now - $0 < silenceLimitNanoseconds } ?? false,
                detail: "\(counts.received) received, \(counts.lost) lost")
            try process(.second, subscriber)
        }
        let end = HostClock.monotonicNanoseconds + drainLimitNanoseconds
        while HostClock.monotonicNanoseconds < end, let message = try subscriber.next(timeoutMilliseconds: 0) {
            try process(.message(message), subscriber)
        }
    }
}
