import Runtime
import Metrics
import Synchronization

/// Counts and times of requests by route template, method and status.
final class HTTPMeters: Sendable {
    struct Key: Hashable, Sendable {
        let route: String
        let method: String
        let status: Int
    }

    private struct Meters: Sendable {
        let requests: Counter
        let seconds: Timer
    }

    private let meters = Mutex<[Key: Meters]>([:])

    /// - Parameter start: start time of the request on the monotonic clock.
    func count(_ key: Key, since start: Int64) {
        let meters = meters.withLock { known in
            if let meters = known[key] { return meters }
            let route = [("route", key.route), ("method", key.method)]
            let made = Meters(
                requests: Counter(label: MetricName.httpRequests, dimensions: route + [("status", "\(key.status)")]),
                seconds: Timer(label: MetricName.httpSeconds, dimensions: route))
            known[key] = made
            return made
        }
        meters.requests.increment()
        meters.seconds.recordNanoseconds(HostClock.monotonicNanoseconds - start)
    }
}
