import Runtime
import Foundation
import Microstructure
import Transport
import Venues

/// Why a REST request brought nothing usable.
struct RESTFailure: Error, CustomStringConvertible {
    let attempted: String
    let reason: String
    /// What the venue asked to wait (429, 418).
    var retryAfterSeconds: Double?
    /// The venue says that the request itself is wrong; repeating it cannot help.
    var isPermanent = false
    /// The venue does not serve this request to us: it wants a key, forbids it, or does not have it.
    var isRefused = false

    var description: String { "\(attempted): \(reason)" }
}

/// What a REST request brought.
struct RESTAnswer: Sendable {
    let body: [UInt8]
    /// Request weight used in this minute, by all processes of this address.
    let usedWeight: Int?
    let sent: Timestamp
    let received: Timestamp

    /// The answer to a question for the time.
    func clockSample(in unit: BinanceTimeUnit) throws(VenueError) -> ClockSample {
        let server = try BinanceREST.decodeServerTime(body.span, unit: unit)
        let resolution: Int64 = unit == .microseconds ? 1_000 : 1_000_000
        let roundTrip = received.nanoseconds(since: sent)
        let middle = sent.advanced(byNanoseconds: roundTrip / 2)
        return ClockSample(
            time: middle, offsetNanoseconds: server.nanoseconds(since: middle) + resolution / 2,
            roundTripNanoseconds: roundTrip, resolutionNanoseconds: resolution)
    }
}

/// The venue's REST requests that ingest needs. Completions run on the HTTP client's thread.
struct VenueREST: Sendable {
    private let base: String
    private let tls: TLSOptions
    private let timeoutMilliseconds: Int
    private let timeUnit: BinanceTimeUnit
    private let http: HTTPClient

    init(_ configuration: IngestConfiguration, http: HTTPClient) {
        base = configuration.restURL
        timeoutMilliseconds = Int(configuration.restTimeoutSeconds * 1_000)
        timeUnit = configuration.timeUnit
        var tls = TLSOptions()
        tls.caFile = configuration.caFile
        self.tls = tls
        self.http = http
    }

    func send(
        _ request: BinanceRequest, _ completion: @escaping @Sendable (Result<RESTAnswer, RESTFailure>) -> Void
    ) {
        var message = HTTPRequest(url: base + request.target)
        if let unit = timeUnit.restHeader { message.headers.append(unit) }
        message.tls = tls
        message.connectTimeoutMilliseconds = min(message.connectTimeoutMilliseconds, timeoutMilliseconds)
        message.totalTimeoutMilliseconds = timeoutMilliseconds
        let attempted = request.path
        let sent = HostClock.now
        http.send(message) { result in
            let received = HostClock.now
            switch result {
            case .failure(let error): completion(.failure(RESTFailure(attempted: attempted, reason: "\(error)")))
            case .success(let response) where response.status == 200:
                completion(
                    .success(
                        RESTAnswer(
                            body: response.body,
                            usedWeight: response.header("X-MBX-USED-WEIGHT-1M").flatMap { Int($0) },
                            sent: sent, received: received)))
            case .success(let response):
                let venueError = BinanceREST.decodeError(response.body.span)
                let isRefused = Self.isRefusal(response.status, venueError)
                completion(
                    .failure(
                        RESTFailure(
                            attempted: attempted,
                            reason: "status \(response.status)" + (venueError.map { ": \($0)" } ?? ""),
                            retryAfterSeconds: RetryAfter.seconds(response.header("Retry-After")),
                            isPermanent: response.status == 400 && venueError != nil && !isRefused,
                            isRefused: isRefused)))
            }
        }
    }

    /// By the status, or by the venue's own codes for a caller that it does not let in: −1002 unauthorised, −2014 and −2015
    /// a key that is missing or not good.
    private static func isRefusal(_ status: Int, _ error: VenueError?) -> Bool {
        if case .refused(let code, _) = error, [-1_002, -2_014, -2_015].contains(code) { return true }
        return [401, 403, 404].contains(status)
    }
}
