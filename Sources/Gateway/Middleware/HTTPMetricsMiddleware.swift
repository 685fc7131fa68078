import Runtime
import HTTPTypes
import Hummingbird

/// Counts and times requests by route template, method and status; a live stream counts when it opens. The raw path is
/// never a label, so routes, methods and statuses bound the number of series.
struct HTTPMetricsMiddleware: RouterMiddleware {
    typealias Context = GatewayRequestContext

    let meters: HTTPMeters

    func handle(
        _ request: Request, context: GatewayRequestContext,
        next: (Request, GatewayRequestContext) async throws -> Response
    ) async throws -> Response {
        let start = HostClock.monotonicNanoseconds
        let response = try await next(request, context)
        let isKnown = Route.knownMethods.contains(request.method)
        let template = context.endpointPath.flatMap { $0.hasPrefix("/") ? $0 : nil }
        meters.count(
            HTTPMeters.Key(
                route: template ?? "unmatched", method: isKnown ? request.method.rawValue : "other",
                status: response.status.code), since: start)
        return response
    }
}
