import Runtime
import Foundation
import Microstructure
import Transport
import Venues

/// Why a REST request returned nothing usable.
struct RESTFailure: Error, CustomStringConvertible {
    let attempted: String
    let reason: String
    var kind = VenueRefusal.Kind.temporary
    /// How long the venue requests us to wait (429, 418).
    var retryAfterSeconds: Double?

    var description: String { "\(attempted): \(reason)" }
}

/// The answer to a REST request.
struct RESTAnswer: Sendable {
    let body: [UInt8]
    /// Request weight used in this minute, by all processes of this address.
    let usedWeight: Int?
    let sent: Timestamp
    let received: Timestamp

    /// The round trip of a request for the venue's time.
    func clockSample(_ adapter: some VenueAdapter) throws(VenueError) -> ClockSample {
        let server = try adapter.serverTime(in: body.span)
        let roundTrip = received.nanoseconds(since: sent)
        let middle = sent.advanced(byNanoseconds: roundTrip / 2)
        return ClockSample(
            time: middle,
            offsetNanoseconds: server.time.nanoseconds(since: middle) + server.resolutionNanoseconds / 2,
            roundTripNanoseconds: roundTrip, resolutionNanoseconds: server.resolutionNanoseconds)
    }
}

/// The venue's HTTP service. Completions run on the HTTP client's thread.
struct VenueREST<Adapter: VenueAdapter>: Sendable {
    let adapter: Adapter
    private let base: String
    private let tls: TLSOptions
    private let timeoutMilliseconds: Int
    private let http: HTTPClient

    init(_ adapter: Adapter, _ configuration: IngestConfiguration, http: HTTPClient) {
        self.adapter = adapter
        base = configuration.restURL
        timeoutMilliseconds = Int(configuration.restTimeoutSeconds * 1_000)
        var tls = TLSOptions()
        tls.caFile = configuration.caFile
        self.tls = tls
        self.http = http
    }

    func send(
        _ request: VenueRequest, _ completion: @escaping @Sendable (Result<RESTAnswer, RESTFailure>) -> Void
    ) {
        var message = HTTPRequest(url: base + request.target)
        message.headers = adapter.requestHeaders.map { ($0.name, $0.value) }
        message.tls = tls
        // A proxy that lets the WebSocket pass then lets requests pass.
        message.isTunnelled = true
        message.connectTimeoutMilliseconds = min(message.connectTimeoutMilliseconds, timeoutMilliseconds)
        message.totalTimeoutMilliseconds = timeoutMilliseconds
        let attempted = request.path
        let sent = HostClock.now
        http.send(message) { [adapter] result in
            let received = HostClock.now
            switch result {
            case .failure(let error): completion(.failure(RESTFailure(attempted: attempted, reason: "\(error)")))
            case .success(let response) where response.status == 200:
                let usedWeight = adapter.usedWeightHeader.flatMap { response.header($0) }.flatMap { Int($0) }
                completion(
                    .success(RESTAnswer(body: response.body, usedWeight: usedWeight, sent: sent, received: received)))
            case .success(let response):
                let refusal = adapter.refusal(status: response.status, body: response.body.span)
                completion(
                    .failure(
                        RESTFailure(
                            attempted: attempted,
                            reason: "status \(response.status)" + (refusal.error.map { ": \($0)" } ?? ""),
                            kind: refusal.kind,
                            retryAfterSeconds: RetryAfter.seconds(response.header("Retry-After")))))
            }
        }
    }
}
