import Runtime
import HTTPTypes
import Hummingbird
import Logging
import NIOCore
import NIOHTTP1

/// Turns every error into `application/problem+json`.
struct ProblemMiddleware: RouterMiddleware {
    typealias Context = GatewayRequestContext

    func handle(
        _ request: Request, context: GatewayRequestContext,
        next: (Request, GatewayRequestContext) async throws -> Response
    ) async throws -> Response {
        guard Route.knownMethods.contains(request.method) else {
            return Problem(.notImplemented, "no path here answers the method \(request.method)").response
        }
        guard request.head.authority != nil else {
            return Problem(.badRequest, "a request needs one Host header, with the name or address of this server")
                .response
        }
        do {
            return try await next(request, context)
        } catch let problem as Problem {
            return problem.response
        } catch let error as QueryError {
            return Problem(error).response
        } catch is StoreBusy {
            return Problem.storeBusy.response
        } catch let error as HTTPError where error.status == .notFound {
            return Problem(.notFound, "there is no \(request.uri.path.prefix(200)); GET / lists the routes").response
        } catch let error as HTTPError {
            return Problem(error.status, error.body ?? error.status.reasonPhrase, headers: error.headers).response
        } catch {
            // Let the server close a broken connection or one that does not speak HTTP.
            if error is HTTPParserError || error is ChannelError || error is IOError || error is CancellationError {
                throw error
            }
            context.logger.error(
                "request failed", metadata: ["route": "\(context.endpointPath ?? "")", "error": "\(error)"])
            return Problem(.internalServerError, "the gateway failed on this request; its log says why").response
        }
    }
}
