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

    var description: String { "\(attempted): \(reason)" }
}

/// A round trip to the venue's clock.
struct ClockSample: Sendable {
    let offsetNanoseconds: Int64
    let roundTripNanoseconds: Int64
}

/// The venue's REST requests that ingest needs. Completions run on the HTTP client's thread.
struct VenueREST: Sendable {
    private let base: String
    private let tls: TLSOptions
    private let symbols: [String]
    private let http: HTTPClient

    init(_ configuration: IngestConfiguration, http: HTTPClient) {
        base = configuration.restURL
        symbols = configuration.symbols
        var tls = TLSOptions()
        tls.caFile = configuration.caFile
        self.tls = tls
        self.http = http
    }

    func instruments(_ completion: @escaping @Sendable (Result<[Instrument], RESTFailure>) -> Void) {
        let wanted = symbols
        send(BinanceREST.exchangeInfo(symbols: symbols)) { result in
            completion(
                result.flatMap { body in
                    let known: [Instrument]
                    do {
                        known = try BinanceREST.decodeExchangeInfo(body.span)
                    } catch {
                        return .failure(RESTFailure(attempted: "exchangeInfo", reason: "\(error)"))
                    }
                    var ordered: [Instrument] = []
                    for symbol in wanted {
                        guard let instrument = known.first(where: { $0.symbol == symbol }) else {
                            return .failure(
                                RESTFailure(
                                    attempted: "exchangeInfo", reason: "the venue does not list \(symbol)",
                                    isPermanent: true))
                        }
                        ordered.append(instrument)
                    }
                    return .success(ordered)
                })
        }
    }

    func snapshot(_ request: BinanceRequest, _ completion: @escaping @Sendable (Result<[UInt8], RESTFailure>) -> Void) {
        send(request, completion)
    }

    func clockSample(_ completion: @escaping @Sendable (Result<ClockSample, RESTFailure>) -> Void) {
        let sent = Clock.now
        send(BinanceREST.serverTime()) { result in
            let received = Clock.now
            completion(
                result.flatMap { body in
                    do {
                        let server = try BinanceREST.decodeServerTime(body.span, unit: .milliseconds)
                        let roundTrip = received.nanoseconds(since: sent)
                        let middle = sent.advanced(byNanoseconds: roundTrip / 2)
                        return .success(
                            ClockSample(
                                offsetNanoseconds: server.nanoseconds(since: middle), roundTripNanoseconds: roundTrip))
                    } catch {
                        return .failure(RESTFailure(attempted: "time", reason: "\(error)"))
                    }
                })
        }
    }

    private func send(
        _ request: BinanceRequest, _ completion: @escaping @Sendable (Result<[UInt8], RESTFailure>) -> Void
    ) {
        var message = HTTPRequest(url: base + request.target)
        message.tls = tls
        message.totalTimeoutMilliseconds = 15_000
        let attempted = request.path
        http.send(message) { result in
            switch result {
            case .failure(let error): completion(.failure(RESTFailure(attempted: attempted, reason: "\(error)")))
            case .success(let response) where response.status == 200: completion(.success(response.body))
            case .success(let response):
                let venueError = BinanceREST.decodeError(response.body.span)
                completion(
                    .failure(
                        RESTFailure(
                            attempted: attempted,
                            reason: "status \(response.status)" + (venueError.map { ": \($0)" } ?? ""),
                            retryAfterSeconds: RetryAfter.seconds(response.header("Retry-After")),
                            isPermanent: response.status == 400 && venueError != nil)))
            }
        }
    }
}
