import Runtime
import Foundation
import Microstructure
import Transport
import Wire

/// An error answer.
private struct Problem: Error {
    let status: Int
    let detail: String
    var allow: String?
}

/// Serves `/api/v1/alerts` and `/api/v1/silences` to the gateway on the alerter's metrics port.
///
/// The body of an error answer is a `ProblemDocument`.
struct AlerterPages: Sendable {
    let outbox: Outbox
    let silences: SilenceBoard
    let channels: [String]

    private struct SilenceList: Encodable {
        let silences: [Silence]
    }

    /// A new silence, and what it matches at its start: a misspelt one shows at once.
    private struct NewSilenceAnswer: Encodable {
        let silence: Silence
        let reach: Outbox.Reach

        private enum CodingKeys: CodingKey { case matches }

        func encode(to encoder: any Encoder) throws {
            try silence.encode(to: encoder)
            var container = encoder.container(keyedBy: CodingKeys.self)
            try container.encode(reach, forKey: .matches)
        }
    }

    func add(to pages: ExtraPages) {
        pages.add("/api/v1/alerts") { request in answer(request, alerts) }
        pages.add("/api/v1/silences") { request in answer(request, silencePage) }
    }

    private func answer(_ request: ServerRequest, _ page: (ServerRequest) throws -> PageAnswer) -> PageAnswer {
        func problem(_ status: Int, _ detail: String, allow: String? = nil) -> PageAnswer {
            let document = ProblemDocument(title: HTTPSyntax.phrase(status), status: status, detail: detail)
            var answer = Self.json(document, status: status)
            answer.headers[0].value = ProblemDocument.contentType
            if let allow { answer.headers.append(("Allow", allow)) }
            return answer
        }
        do {
            return try page(request)
        } catch let error as Problem {
            return problem(error.status, error.detail, allow: error.allow)
        } catch let error as QueryError {
            return problem(400, error.detail)
        } catch {
            return problem(503, "the outbox cannot be used: \(error)")
        }
    }

    private static func json(_ value: some Encodable, status: Int = 200) -> PageAnswer {
        PageAnswer(status: status, body: (try? CompactJSON.bytes(value)) ?? Array("{}".utf8))
    }

    // MARK: Alerts

    private func alerts(_ request: ServerRequest) throws -> PageAnswer {
        guard ["GET", "HEAD"].contains(request.method) else {
            throw Problem(status: 405, detail: "use GET", allow: "GET, HEAD")
        }
        guard request.path == "/api/v1/alerts" else {
            throw Problem(status: 404, detail: "there is no \(request.path)")
        }
        guard let page = try outbox.alerts(matching: AlertQuery(request)) else {
            throw Problem(
                status: 400, detail: "the cursor is none of this service's; take next_cursor of the page before")
        }
        return Self.json(page)
    }

    // MARK: Silences

    private func silencePage(_ request: ServerRequest) throws -> PageAnswer {
        let now = Double(HostClock.now.nanoseconds) / 1e9
        let root = "/api/v1/silences"
        guard request.path == root else {
            let id = String(request.path.dropFirst(root.count + 1))
            switch request.method {
            case "GET", "HEAD":
                let silence = silences.list(at: now).first { $0.id == id }
                guard let silence else { throw Self.unknown(id) }
                return Self.json(silence)
            case "DELETE":
                guard try silences.remove(id, at: now) else { throw Self.unknown(id) }
                return PageAnswer(status: 204, body: [])
            default: throw Problem(status: 405, detail: "use GET or DELETE", allow: "DELETE, GET, HEAD")
            }
        }
        switch request.method {
        case "GET", "HEAD": return Self.json(SilenceList(silences: silences.list(at: now)))
        case "POST":
            let silence = try NewSilence(request.body, channels: channels).silence(at: now)
            guard try silences.add(silence, at: now) else {
                throw Problem(
                    status: 409, detail: "there are \(Outbox.silenceLimit) silences already; delete some first")
            }
            var answer = Self.json(
                try NewSilenceAnswer(silence: silence, reach: outbox.reach(of: silence)), status: 201)
            answer.headers.append(("Location", root + "/" + silence.id))
            return answer
        default: throw Problem(status: 405, detail: "use GET or POST", allow: "GET, HEAD, POST")
        }
    }

    private static func unknown(_ id: String) -> Problem {
        Problem(status: 404, detail: "no silence in force has the id '\(id.prefix(100))'")
    }

    /// A silence as posted: `{"symbols": ["BTC*"], "venues": ["okx"], "types": ["drift"], "channels": ["slack"], "duration_seconds": 3600,
    /// "comment": "…", "created_by": "…"}`, or with `starts_at` and `ends_at` in seconds since 1970.
    private struct NewSilence {
        static let longestSeconds = 366.0 * 86_400
        /// Most characters of the comment, and of the name of who made it.
        static let commentLimit = 256
        private let fields: Fields
        private let matcher: SignalMatcher

        private struct Fields: Decodable {
            var symbols: [String]?
            var venues: [String]?
            var types: [String]?
            var channels: [String]?
            var durationSeconds: Double?
            var startsAt: Double?
            var endsAt: Double?
            var comment: String?
            var createdBy: String?
        }

        init(_ body: [UInt8], channels: [String]) throws {
            let example = #"{"symbols": ["BTC*"], "types": ["drift"], "duration_seconds": 3600, "comment": "upgrade"}"#
            let object = try? JSONSerialization.jsonObject(with: Data(body))
            guard let keys = (object as? [String: Any])?.keys else {
                throw Problem(status: 400, detail: "the body is no JSON object; send \(example)")
            }
            let known = [
                "channels", "comment", "created_by", "duration_seconds", "ends_at", "starts_at", "symbols", "types",
                "venues",
            ]
            if let stranger = keys.filter({ !known.contains($0) }).min() {
                throw Problem(
                    status: 400, detail: "unknown '\(stranger.prefix(64))'; known are \(known.joined(separator: ", "))")
            }
            do {
                let decoder = JSONDecoder()
                decoder.keyDecodingStrategy = .convertFromSnakeCase
                fields = try decoder.decode(Fields.self, from: Data(body))
            } catch DecodingError.typeMismatch(_, let context), DecodingError.valueNotFound(_, let context) {
                let name = context.codingPath.map(\.stringValue).joined(separator: ".")
                throw Problem(status: 400, detail: "'\(name)' is of the wrong type; send \(example)")
            } catch {
                throw Problem(status: 400, detail: "the body cannot be read; send \(example)")
            }
            do throws(PolicyProblem) {
                matcher = try SignalMatcher(symbols: fields.symbols, venues: fields.venues, types: fields.types)
                    .normalized()
            } catch {
                throw Problem(status: 400, detail: error.text)
            }
            guard fields.channels?.isEmpty != true else {
                throw Problem(
                    status: 400, detail: "channels is empty and would silence nothing; leave it out to silence all")
            }
            if let stranger = fields.channels?.first(where: { !channels.contains($0) }) {
                throw Problem(
                    status: 400,
                    detail: "channel '\(stranger.prefix(64))' is not configured; configured are "
                        + channels.joined(separator: ", "))
            }
            for (name, text) in [("comment", fields.comment), ("created_by", fields.createdBy)] {
                guard text?.unicodeScalars.count ?? 0 <= Self.commentLimit else {
                    throw Problem(status: 400, detail: "\(name) is longer than \(Self.commentLimit) characters")
                }
            }
        }

        func silence(at now: Double) throws -> Silence {
            let start = fields.startsAt ?? now
            guard (fields.durationSeconds == nil) != (fields.endsAt == nil) else {
                throw Problem(status: 400, detail: "give either duration_seconds or ends_at: a silence has to end")
            }
            let end = fields.endsAt ?? start + (fields.durationSeconds ?? 0)
            guard start.isFinite, end.isFinite, start >= 0, end > max(start, now), end - start <= Self.longestSeconds
            else {
                throw Problem(
                    status: 400, detail: "a silence ends after it starts, in the future, and lasts at most 366 days")
            }
            return Silence(
                id: UUID().uuidString.lowercased(), symbols: matcher.symbols, venues: matcher.venues,
                types: matcher.types,
                channels: fields.channels, startsAt: start, endsAt: end, comment: fields.comment ?? "",
                createdBy: fields.createdBy ?? "")
        }
    }
}

extension AlertQuery {
    fileprivate init(_ request: ServerRequest) throws {
        let query = try QueryParameters(
            request.query,
            allowed: ["symbol", "venue", "type", "channel", "state", "since", "until", "limit", "cursor"])
        if let text = query.text("symbol") {
            guard let name = SymbolName.normalized(text) else {
                throw Problem(status: 400, detail: "symbol \(SymbolName.rule)")
            }
            symbol = name
        }
        if let text = query.text("venue") {
            guard Venue(rawValue: text) != nil else {
                throw Problem(status: 400, detail: "venue='\(text.prefix(64))' is no venue; it is written like okx")
            }
            venue = text
        }
        if let text = query.text("type") {
            guard SignalDocument.isType(text) else {
                throw Problem(status: 400, detail: SignalDocument.refusal(ofType: text))
            }
            type = text
        }
        channel = query.text("channel")
        if let name = query.text("state") {
            guard let state = Outbox.State(name: name) else {
                throw Problem(status: 400, detail: "state='\(name)' is none of pending, sent, dead, suppressed")
            }
            self.state = state
        }
        since = try query.number("since", in: 0...9_223_372_036)
        until = try query.number("until", in: 0...9_223_372_036)
        limit = try query.integer("limit", in: Self.limitRange) ?? limit
        cursor = query.text("cursor")
    }
}
