import Runtime
import Detection
import Foundation
import HTTPTypes
import Hummingbird
import NIOCore
import Transport
import Wire

/// `/api/v1/signals`: queries signals and posts them.
struct SignalsController<Repository: SignalRepository>: Sendable {
    /// Largest body of a posted signal, in bytes.
    static var bodyLimit: Int { 64 << 10 }

    let repository: Repository
    let intake: SignalIntake<Repository>
    let access: AccessPolicy

    var routes: [Route] {
        [
            Route(
                "/api/v1/signals",
                "Signals, newest first (\(SignalQuery.names.joined(separator: ", "))); POST adds one.",
                [.get: list, .post: create]),
            Route("/api/v1/signals/{id}", "One signal.", [.get: signal]),
        ]
    }

    @Sendable private func list(_ request: Request, _ context: GatewayRequestContext) async throws -> Response {
        let query = try SignalQuery(QueryParameters(request, allowed: SignalQuery.names))
        return .json(try await repository.signals(matching: query).json)
    }

    @Sendable private func signal(_ request: Request, _ context: GatewayRequestContext) async throws -> Response {
        _ = try QueryParameters(request, allowed: [])
        return .json(try await repository.require(context).json)
    }

    @Sendable private func create(_ request: Request, _ context: GatewayRequestContext) async throws -> Response {
        _ = try QueryParameters(request, allowed: [])
        let body = try await request.jsonBody(upTo: Self.bodyLimit, of: "signal", context)
        let posted = try PostedSignal(json: Data(body.readableBytesView))
        switch await intake.submit(posted, key: try idempotencyKey(request, body)) {
        case .stored(let signal), .known(let signal):
            var response = Response.json(signal.json, status: .accepted)
            response.headers[.location] = "/api/v1/signals/\(signal.id)"
            return response
        case let outcome: throw Self.problem(of: outcome)
        }
    }

    /// The error answer to a client whose signal was not stored.
    static func problem(of outcome: SignalIntake<Repository>.Outcome) -> Problem {
        switch outcome {
        case .conflict:
            Problem(.conflict, "this Idempotency-Key came with another body before; use a key a signal")
        case .busy:
            Problem(.serviceUnavailable, "too many signals are waiting; try again", headers: [.retryAfter: "1"])
        case .stopping:
            Problem(.serviceUnavailable, "the gateway is stopping; try again", headers: [.retryAfter: "5"])
        case .failed, .stored, .known:
            Problem(
                .serviceUnavailable, "the signal could not be stored, and the gateway's log says why; try again",
                headers: [.retryAfter: "5"])
        }
    }

    /// Each API key has its own idempotency keys.
    private func idempotencyKey(_ request: Request, _ body: ByteBuffer) throws -> IdempotencyKey? {
        guard let key = request.headers[.idempotencyKey] else { return nil }
        let isPrintable = key.utf8.allSatisfy { (0x20...0x7E).contains($0) }
        guard isPrintable, (1...IdempotencyKey.lengthLimit).contains(key.utf8.count) else {
            throw Problem(
                .badRequest, "Idempotency-Key needs 1 to \(IdempotencyKey.lengthLimit) printable ASCII characters")
        }
        let code = HMACSHA256.authenticationCode(for: Array(body.readableBytesView), key: Array(key.utf8))
        // Neither names nor keys contain a newline.
        return IdempotencyKey(
            key: access.caller(of: request) + "\n" + key,
            fingerprint: code.map { String($0, radix: 16) }.joined(separator: "."))
    }
}

extension SignalQuery {
    static let names = MarketFilter.names + ["type", "since", "until", "min_score", "limit", "cursor"]

    /// Reads the parameters `names`. Throws a 400 that names the invalid parameter.
    init(_ query: QueryParameters) throws {
        market = try MarketFilter(query)
        if let text = query.text("type") {
            guard let known = SignalType(rawValue: text) else {
                throw Problem(.badRequest, SignalDocument.refusal(ofType: text))
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
        if let text = query.text("cursor") {
            // `Int64` also reads a sign.
            guard text.utf8.allSatisfy({ (0x30...0x39).contains($0) }), let position = Int64(text), position > 0 else {
                throw Problem(.badRequest, "cursor='\(text)' is none; take next_cursor of the page before")
            }
            before = UInt64(position)
        }
    }
}

extension SignalPage {
    /// The body of the answer.
    var json: ByteBuffer {
        var body = ByteBuffer()
        body.reserveCapacity(signals.reduce(64) { $0 + $1.json.readableBytes + 1 })
        body.writeStaticString("{\"signals\":[")
        for (index, signal) in signals.enumerated() {
            if index > 0 { body.writeStaticString(",") }
            body.writeImmutableBuffer(signal.json)
        }
        body.writeStaticString("]")
        if hasMore, let last = signals.last { body.writeString(",\"next_cursor\":\"\(last.position)\"") }
        body.writeStaticString("}")
        return body
    }
}
