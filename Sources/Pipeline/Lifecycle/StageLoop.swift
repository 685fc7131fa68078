import Wire
import ZeroMQ

/// The main loop of a stage that reads from the bus.
enum StageLoop {
    /// Longest time spent on the messages already queued once the stop is requested.
    static let drainLimitNanoseconds: Int64 = 2_000_000_000

    /// A stage that has heard nothing for this long is not ready: its upstream states its condition once a second.
    static let silenceLimitNanoseconds: Int64 = 10_000_000_000

    enum Event {
        case delivery(Delivery)
        /// About a second has passed: time for housekeeping.
        case second
    }

    /// Reads until the stop is requested, then drains what is already queued, within the limit.
    static func run(
        _ subscriber: consuming Subscriber, health: Health, part: String, until stop: StopSignal,
        _ process: (Event) throws(ZMQError) -> Void
    ) throws(ZMQError) {
        var subscriber = subscriber
        var nextSecond = Clock.monotonicNanoseconds
        var lastDelivery: Int64?
        while !stop.isRequested {
            if let delivery = try subscriber.next(timeoutMilliseconds: 100) {
                lastDelivery = Clock.monotonicNanoseconds
                try process(.delivery(delivery))
            }
            let now = Clock.monotonicNanoseconds
            guard now >= nextSecond else { continue }
            nextSecond = now + 1_000_000_000
            let counts = subscriber.counts
            health.beat(
                part, isReady: lastDelivery.map { now - $0 < silenceLimitNanoseconds } ?? false,
                detail: "\(counts.received) received, \(counts.lost) lost")
            try process(.second)
        }
        let end = Clock.monotonicNanoseconds + drainLimitNanoseconds
        while Clock.monotonicNanoseconds < end, let delivery = try subscriber.next(timeoutMilliseconds: 0) {
            try process(.delivery(delivery))
        }
    }
}
