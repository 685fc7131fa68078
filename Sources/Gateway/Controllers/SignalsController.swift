import Detection
import Foundation
import HTTPTypes
import Hummingbird
import NIOCore
import Pipeline

/// `/api/v1/signals`: asking for signals and posting them.
struct SignalsController<Repository: SignalRepository>: Sendable {
    /// Largest body of a posted signal.
    static var bodyLimit: Int { 64 << 10 }

    let repository: Repository
    let intake: SignalIntake<Repository>

    var routes: [Route] {
        [
            Route(
                "/api/v1/signals",
                "Signals, newest first (symbol, type, since, until, min_score, limit); POST adds one.",
                [.get: list, .post: create]),
            Route("/api/v1/signals/{id}", "One signal.", [.get: signal]),
        ]
    }

    @Sendable private func list(_ request: Request, _ context: GatewayRequestContext) async throws -> Response {
        let signals = try await repository.signals(matching: SignalQuery(request))
        var body = ByteBuffer()
        body.reserveCapacity(signals.reduce(16) { $0 + $1.json.readableBytes + 1 })
        body.writeStaticString("{\"signals\":[")
        for (index, signal) in signals.enumerated() {
            if index > 0 { body.writeStaticString(",") }
            body.writeImmutableBuffer(signal.json)
        }
        body.writeStaticString("]}")
        return .json(body)
    }

    @Sendable private func signal(_ request: Request, _ context: GatewayRequestContext) async throws -> Response {
        _ = try QueryParameters(request, allowed: [])
        let id = try context.parameters.require("id")
        guard let signal = try await repository.signal(id: id) else {
            throw Problem(.notFound, "no signal has the id '\(id.prefix(200))', or it is no longer held")
        }
        return .json(signal.json)
    }

    @Sendable private func create(_ request: Request, _ context: GatewayRequestContext) async throws -> Response {
        _ = try QueryParameters(request, allowed: [])
        guard Self.isJSON(request.headers[.contentType]) else {
            throw Problem(
                .unsupportedMediaType, "send the signal as Content-Type: application/json",
                headers: [.accept: "application/json"])
        }
        let tooLarge = Problem(.contentTooLarge, "a signal's body has at most \(Self.bodyLimit) bytes")
        if let length = request.headers[.contentLength].flatMap(Int.init), length > Self.bodyLimit { throw tooLarge }
        let body: ByteBuffer
        do {
            body = try await request.body.collect(upTo: Self.bodyLimit)
        } catch is NIOTooManyBytesError {
            throw tooLarge
        }
        let posted = try PostedSignal(json: Data(body.readableBytesView))
        switch await intake.submit(posted) {
        case .stored(let signal):
            var response = Response.json(signal.json, status: .accepted)
            response.headers[.location] = "/api/v1/signals/\(signal.document.id)"
            return response
        case .busy:
            throw Problem(.serviceUnavailable, "too many signals are waiting; try again", headers: [.retryAfter: "1"])
        case .stopping:
            throw Problem(.serviceUnavailable, "the gateway is stopping; try again", headers: [.retryAfter: "5"])
        case .failed:
            throw Problem(.internalServerError, "the signal could not be stored; the gateway's log says why")
        }
    }

    /// `application/json`, whatever its parameters.
    private static func isJSON(_ contentType: String?) -> Bool {
        let type = contentType?.prefix { $0 != ";" } ?? ""
        return type.trimmingCharacters(in: .whitespaces).lowercased() == "application/json"
    }
}

extension SignalQuery {
    /// Reads a request's query. Throws a 400 that names the parameter.
    init(_ request: Request) throws(Problem) {
        let query = try QueryParameters(
            request, allowed: ["symbol", "type", "since", "until", "min_score", "limit"])
        if let text = query.text("symbol") {
            guard let name = SymbolName.normalised(text) else {
                throw Problem(.badRequest, "symbol \(SymbolName.rule)")
            }
            symbol = name
        }
        if let text = query.text("type") {
            guard let known = SignalType(rawValue: text) else {
                throw Problem(
                    .badRequest, "type='\(text)' is no signal type; it is written like drift or buy_imbalance")
            }
            type = known.rawValue
        }
        since = try query.number("since", in: PostedSignal.timestampRange)
        until = try query.number("until", in: PostedSignal.timestampRange)
        if let since, let until, since > until {
            throw Problem(.badRequest, "since=\(since) is after until=\(until); exchange them")
        }
        minScore = try query.number("min_score", in: 0...1)
        limit = try query.integer("limit", in: Self.limitRange) ?? limit
    }
}
