import HTTPTypes
import Hummingbird
import Metrics
import Pipeline
import Synchronization

/// Counts and times requests by route template, method and status; a live stream counts when it opens. The path as
/// sent is never a label: the number of series is the number of routes, methods and statuses.
struct HTTPMetricsMiddleware: RouterMiddleware {
    typealias Context = GatewayRequestContext

    private struct Key: Hashable {
        let route: String
        let method: String
        let status: Int
    }

    private struct Meters: Sendable {
        let requests: Counter
        let seconds: Timer
    }

    private final class Cache: Sendable {
        private let meters = Mutex<[Key: Meters]>([:])

        func meters(for key: Key) -> Meters {
            meters.withLock { known in
                if let meters = known[key] { return meters }
                let route = [("route", key.route), ("method", key.method)]
                let made = Meters(
                    requests: Counter(
                        label: MetricName.httpRequests, dimensions: route + [("status", "\(key.status)")]),
                    seconds: Timer(label: MetricName.httpSeconds, dimensions: route))
                known[key] = made
                return made
            }
        }
    }

    private let cache = Cache()

    func handle(
        _ request: Request, context: GatewayRequestContext,
        next: (Request, GatewayRequestContext) async throws -> Response
    ) async throws -> Response {
        let start = Pipeline.Clock.monotonicNanoseconds
        let response = try await next(request, context)
        let isKnown = Route.knownMethods.contains(request.method)
        let template = context.endpointPath.flatMap { $0.hasPrefix("/") ? $0 : nil }
        let meters = cache.meters(
            for: Key(
                route: template ?? "unmatched", method: isKnown ? request.method.rawValue : "other",
                status: response.status.code))
        meters.requests.increment()
        meters.seconds.recordNanoseconds(Pipeline.Clock.monotonicNanoseconds - start)
        return response
    }
}
