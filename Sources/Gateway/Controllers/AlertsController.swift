import Runtime
import Foundation
import HTTPTypes
import Hummingbird
import Microstructure
import NIOCore
import Transport

/// `/api/v1/alerts` and `/api/v1/silences`: forwards requests to the alerter, which stores both.
struct AlertsController: Sendable {
    /// Largest body of a posted silence and of the alerter's answer, in bytes.
    static let bodyLimit = 16 << 10
    static let answerLimit = 16 << 20
    static let timeoutMilliseconds = 5_000
    /// Most symbols named that a new silence matches.
    static let symbolLimit = 1_000

    /// The alerter's address, e.g. `http://127.0.0.1:9104`; `nil` if there is none.
    let alerter: String?
    let http: HTTPClient
    let markets: MarketBoard

    var routes: [Route] {
        [
            Route(
                "/api/v1/alerts",
                "Alerts, newest first (\(Self.alertQuery.joined(separator: ", "))).", [.get: alerts]),
            Route("/api/v1/silences", "Silences in force; POST adds one.", [.get: silences, .post: silences]),
            Route("/api/v1/silences/{id}", "One silence; DELETE ends it.", [.get: silence, .delete: silence]),
        ]
    }

    private static let alertQuery = [
        "symbol", "venue", "type", "channel", "state", "since", "until", "limit", "cursor",
    ]

    @Sendable private func alerts(_ request: Request, _ context: GatewayRequestContext) async throws -> Response {
        let query = try QueryParameters(request, allowed: Self.alertQuery)
        return try await pass(request, to: "/api/v1/alerts" + query.encoded, context)
    }

    @Sendable private func silences(_ request: Request, _ context: GatewayRequestContext) async throws -> Response {
        _ = try QueryParameters(request, allowed: [])
        return try await pass(request, to: "/api/v1/silences", context)
    }

    @Sendable private func silence(_ request: Request, _ context: GatewayRequestContext) async throws -> Response {
        _ = try QueryParameters(request, allowed: [])
        let id = try context.pathText("id")
        // Other characters in the URL could lead to other pages of the alerter.
        guard (1...64).contains(id.utf8.count), id.utf8.allSatisfy(Self.isPlain) else {
            throw Problem(.notFound, "there is no such silence; /api/v1/silences lists them")
        }
        return try await pass(request, to: "/api/v1/silences/" + id, context)
    }

    private static func isPlain(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
            UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"), UInt8(ascii: "_"):
            true
        default: false
        }
    }

    /// - Parameter place: path and query at the alerter, built from checked parts.
    private func pass(_ request: Request, to place: String, _ context: GatewayRequestContext) async throws -> Response {
        guard let alerter else {
            throw Problem(.serviceUnavailable, "this gateway knows no alerter; start it with --alerter-url")
        }
        let method = request.method == .head ? .get : request.method
        var outgoing = Transport.HTTPRequest(method: method.rawValue, url: alerter + place)
        outgoing.totalTimeoutMilliseconds = Self.timeoutMilliseconds
        outgoing.maxResponseBytes = Self.answerLimit
        if request.method == .post {
            outgoing.body = Array(
                try await request.jsonBody(upTo: Self.bodyLimit, of: "silence", context).readableBytesView)
            outgoing.headers = [(name: "Content-Type", value: "application/json")]
        }
        let answer: Transport.HTTPResponse
        do {
            answer = try await http.send(outgoing)
        } catch {
            context.logger.warning("alerter not reached", metadata: ["error": "\(error)"])
            throw Problem(
                .serviceUnavailable, "the alerter does not answer; try again", headers: [.retryAfter: "2"])
        }
        let isNewSilence = request.method == .post && answer.status == 201
        let body = isNewSilence ? try withHeardSymbols(answer.body) : answer.body
        var response = Response(
            status: .init(code: answer.status), body: ResponseBody(byteBuffer: ByteBuffer(bytes: body)))
        for name in ["Content-Type", "Cache-Control", "Location", "Allow"] {
            guard let value = answer.header(name), let field = HTTPField.Name(name) else { continue }
            response.headers[field] = value
        }
        response.headers[.xContentTypeOptions] = "nosniff"
        return response
    }

    /// The alerter's answer to a new silence.
    private struct NewSilence: Codable {
        struct Matches: Codable {
            var openAlerts: Int
            var symbols: [String]

            enum CodingKeys: String, CodingKey {
                case symbols
                case openAlerts = "open_alerts"
            }
        }

        let id: String
        let symbols, venues, types, channels: [String]?
        let startsAt, endsAt: Double
        let comment, createdBy: String
        var matches: Matches

        enum CodingKeys: String, CodingKey {
            case id, symbols, venues, types, channels, comment, matches
            case startsAt = "starts_at"
            case endsAt = "ends_at"
            case createdBy = "created_by"
        }
    }

    /// Adds the markets that this gateway hears: the alerter knows the symbols of past signals only.
    private func withHeardSymbols(_ body: [UInt8]) throws -> [UInt8] {
        var silence = try JSONDecoder().decode(NewSilence.self, from: Data(body))
        let (symbols, venues) = (silence.symbols?.map(NamePattern.init), silence.venues?.map(NamePattern.init))
        let heard = markets.all.filter { market in
            symbols?.contains { $0.matches(market.symbol) } ?? true
                && venues?.contains { $0.matches(market.venue) } ?? true
        }.map(\.symbol)
        silence.matches.symbols = Array(Set(silence.matches.symbols + heard).sorted().prefix(Self.symbolLimit))
        return try CompactJSON.bytes(silence)
    }
}
