import Runtime
import Foundation
import HTTPTypes
import Hummingbird
import NIOCore
import Synchronization

/// Answers health checks, signal pages and posted signals exactly as their routes do, with prepared bytes.
final class FrequentRequestResponder<Repository: SignalRepository>: FastPathResponder {
    /// How long a health report is cached.
    private static var healthMemoryNanoseconds: Int64 { 100_000_000 }

    private struct Health {
        var report: ByteBuffer?
        var moment: Int64 = 0
    }

    private let service: String
    private let health: Runtime.Health
    private let repository: Repository
    private let intake: SignalIntake<Repository>
    private let pages: SignalPageCache
    private let access: AccessPolicy
    private let meters: HTTPMeters
    private let known = Mutex(Health())
    private let date = Mutex((second: time_t(0), line: ""))
    private let healthKey = HTTPMeters.Key(route: "/health", method: "GET", status: 200)
    private let pageKey = HTTPMeters.Key(route: "/api/v1/signals", method: "GET", status: 200)
    private let postKey = HTTPMeters.Key(route: "/api/v1/signals", method: "POST", status: 202)

    init(
        service: String, health: Runtime.Health, repository: Repository, intake: SignalIntake<Repository>,
        pages: SignalPageCache, access: AccessPolicy, meters: HTTPMeters
    ) {
        self.service = service
        self.health = health
        self.repository = repository
        self.intake = intake
        self.pages = pages
        self.access = access
        self.meters = meters
    }

    func answer(_ request: FastPathRequest, from channel: any Channel) -> FastPathAnswer {
        let start = HostClock.monotonicNanoseconds
        switch request.kind {
        case .health:
            guard let report = healthReport(at: start) else { return .other }
            meters.count(healthKey, since: start)
            return .now(whole("200 OK", report))
        case .signals(let query):
            // A request left to the full server is not charged to the rate limit here, so that it counts only once.
            let page = pages.page(query)
            let parsed = page == nil ? try? SignalQuery(QueryParameters(query, allowed: SignalQuery.names)) : nil
            guard page != nil || parsed != nil, isAdmitted(request, .read, channel) else { return .other }
            if let page {
                meters.count(pageKey, since: start)
                return .now(whole("200 OK", page))
            }
            guard let parsed else { return .other }
            let promise = channel.eventLoop.makePromise(of: ByteBuffer.self)
            promise.completeWithTask { [self] in
                do {
                    let page = try await pages.load(query) { try await self.repository.signals(matching: parsed).json }
                    meters.count(pageKey, since: start)
                    return whole("200 OK", page)
                } catch is StoreBusy {
                    let problem = Problem.storeBusy
                    meters.count(
                        HTTPMeters.Key(route: pageKey.route, method: "GET", status: problem.status.code), since: start)
                    return whole(problem)
                }
            }
            return .later(promise.futureResult)
        case .post(let body):
            guard let signal = PostedSignal(canonical: body), isAdmitted(request, .write, channel) else {
                return .other
            }
            let promise = channel.eventLoop.makePromise(of: ByteBuffer.self)
            intake.submit(signal) { [self] outcome in
                switch outcome {
                case .stored(let signal), .known(let signal):
                    meters.count(postKey, since: start)
                    promise.succeed(
                        whole("202 Accepted", signal.json, header: "Location: /api/v1/signals/\(signal.id)\r\n"))
                case .conflict, .busy, .stopping, .failed:
                    let problem = SignalsController<Repository>.problem(of: outcome)
                    meters.count(
                        HTTPMeters.Key(route: "/api/v1/signals", method: "POST", status: problem.status.code),
                        since: start)
                    promise.succeed(whole(problem))
                }
            }
            return .later(promise.futureResult)
        }
    }

    private func isAdmitted(_ request: FastPathRequest, _ scope: APIKey.Scope, _ channel: any Channel) -> Bool {
        if access.isOpen { return true }
        return (try? access.admit(key: request.key, address: channel.remoteAddress?.ipAddress, needing: scope)) != nil
    }

    /// The body of `/health` while the process is healthy; else `nil`.
    private func healthReport(at now: Int64) -> ByteBuffer? {
        known.withLock { known in
            if let report = known.report, now - known.moment < Self.healthMemoryNanoseconds { return report }
            let report = HealthReport(.health, of: health, service: service)
            known.moment = now
            known.report = report.isGood ? Response.jsonBytes(report) : nil
            return known.report
        }
    }

    private func whole(_ problem: Problem) -> ByteBuffer {
        let response = problem.response
        let headers = response.headers.filter { $0.name != .contentLength && !Self.ownHeaders.contains($0.name) }
        return whole(
            "\(problem.status.code) \(problem.status.reasonPhrase)",
            Response.jsonBytes(problem.document) ?? ByteBuffer(), type: ProblemDocument.contentType,
            header: headers.map { "\($0.name.canonicalName): \($0.value)\r\n" }.joined())
    }

    private static var ownHeaders: [HTTPField.Name] { [.contentType, .cacheControl, .xContentTypeOptions] }

    /// A complete answer, with the headers of `Response.json` and the headers that the server adds.
    private func whole(
        _ status: String, _ body: ByteBuffer, type: String = "application/json", header: String = ""
    ) -> ByteBuffer {
        var answer = ByteBuffer()
        answer.reserveCapacity(256 + header.utf8.count + body.readableBytes)
        answer.writeString("HTTP/1.1 ")
        answer.writeString(status)
        answer.writeStaticString("\r\nContent-Type: ")
        answer.writeString(type)
        answer.writeStaticString("\r\nCache-Control: no-store\r\nX-Content-Type-Options: nosniff\r\n")
        answer.writeString(dateLine)
        answer.writeString(header)
        answer.writeStaticString("Content-Length: ")
        answer.writeString(String(body.readableBytes))
        answer.writeStaticString("\r\n\r\n")
        answer.writeImmutableBuffer(body)
        return answer
    }

    /// Source: RFC 9110, section 5.6.7.
    private var dateLine: String {
        date.withLock { date in
            let now = time(nil)
            guard now != date.second else { return date.line }
            var (second, fields) = (now, tm())
            gmtime_r(&second, &fields)
            var text = [CChar](repeating: 0, count: 64)
            // Day and month names are English in the C locale, which the process never changes.
            strftime(&text, text.count, "Date: %a, %d %b %Y %H:%M:%S GMT\r\n", &fields)
            date = (now, String(decoding: text.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self))
            return date.line
        }
    }
}
