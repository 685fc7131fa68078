import Runtime
import Foundation
import Simulation
import Transport

/// The REST API and WebSocket handshakes of one of Binance's markets, with its request weights, error codes and headers.
final class BinanceAPI: VenueAPI {
    private static let keyHeader = "X-MBX-APIKEY"

    let service: BinanceService
    /// The key of the binary streams; `nil` takes any.
    private let key: String?
    /// Request weight per minute.
    let weightLimit: Int
    private var weightMinute: Int64 = 0
    private var usedWeight = 0

    init(_ service: BinanceService, weightLimit: Int, key: String? = nil) {
        self.service = service
        self.weightLimit = weightLimit
        self.key = key
    }

    let requestHeaders = ["X-MBX-TIME-UNIT", BinanceAPI.keyHeader]

    let ownFaults: Set<FaultKind> = [.hole, .crossed, .staleSnapshot]
    var usageHeaders: [(name: String, value: String)] {
        [("X-MBX-USED-WEIGHT", "\(usedWeight)"), ("X-MBX-USED-WEIGHT-1M", "\(usedWeight)")]
    }

    // MARK: - Handshakes

    func handshake(_ request: ServerRequest) -> Handshake {
        let endpoint: BinanceConnection.Endpoint
        let names: Substring
        guard let (route, path) = service.route(of: request.path, hasKey: request.header(Self.keyHeader) != nil) else {
            return .refuse(status: 404)
        }
        if route == .binary, let status = refusal(ofKey: request.header(Self.keyHeader)) {
            return .refuse(status: status)
        }
        if path == "/ws" || path.hasPrefix("/ws/") {
            endpoint = .raw
            names = path.dropFirst(4)
        } else if path == "/stream" {
            endpoint = .combined
            names = Substring(request.query("streams") ?? "")
        } else {
            return .refuse(status: 404)
        }
        var streams: [String] = []
        for name in names.split(separator: "/").map(String.init) where !streams.contains(name) {
            streams.append(name)
        }
        guard streams.count <= BinanceConnection.streamLimit else { return .refuse(status: 400) }
        // Futures have milliseconds only.
        let unit = service.isFutures ? "MILLISECOND" : request.query("timeUnit")?.uppercased() ?? "MILLISECOND"
        let refusal =
            ["MILLISECOND", "MICROSECOND"].contains(unit)
            ? nil : "Invalid timeUnit; expected MILLISECOND or MICROSECOND"
        return .accept(
            BinanceConnection(
                endpoint, route, streams: streams, isInMicroseconds: unit == "MICROSECOND", refusal: refusal))
    }

    /// The status that refuses a handshake without a key (400 as the venue) or with a wrong one.
    private func refusal(ofKey given: String?) -> Int? {
        guard let given, !given.isEmpty else { return 400 }
        return key.map { $0 == given } ?? true ? nil : 401
    }

    // MARK: - Limits

    func rejection(of request: ServerRequest) -> VenueAnswer? {
        guard service.weight(of: request) != nil else { return VenueAnswer(status: 404, body: []) }
        guard request.method == "GET" else {
            return withUsage(.error(status: 405, code: -1020, "This operation is not supported."))
        }
        return nil
    }

    func charge(_ request: ServerRequest) -> VenueAnswer? {
        let second = HostClock.now.bucket(width: 1_000_000_000)
        if second / 60 != weightMinute {
            weightMinute = second / 60
            usedWeight = 0
        }
        usedWeight += service.weight(of: request) ?? 0
        guard usedWeight > weightLimit else { return nil }
        var answer = withUsage(
            .error(
                status: 429, code: -1003,
                "Too much request weight used; current limit is \(weightLimit) request weight per 1 MINUTE. "
                    + "Please use WebSocket Streams for live updates to avoid polling the API."))
        answer.headers.append(("Retry-After", "\(60 - second % 60)"))
        return answer
    }

    private func withUsage(_ answer: VenueAnswer) -> VenueAnswer {
        var answer = answer
        answer.headers += usageHeaders
        return answer
    }

    // MARK: - Faults

    func symbol(in request: ServerRequest) -> String? { request.query("symbol") }

    func isForBook(_ request: ServerRequest) -> Bool { request.path == service.path + "depth" }

    func answer(withBook body: [UInt8]) -> VenueAnswer { .json(body) }

    func answer(to fault: Fault, seconds: Double) -> VenueAnswer {
        guard fault.kind != .serverError else {
            return .error(
                status: fault.status, code: -1001, "Internal error; unable to process your request.")
        }
        var answer = VenueAnswer.error(
            status: fault.kind == .ban ? 418 : 429, code: -1003, "Way too much request weight used.")
        answer.headers.append(("Retry-After", "\(max(1, Int(seconds.rounded(.up))))"))
        return answer
    }
}

extension VenueAnswer {
    static func json(_ body: [UInt8]) -> VenueAnswer {
        VenueAnswer(headers: [("Content-Type", "application/json;charset=UTF-8")], body: body)
    }

    static func json(_ text: String) -> VenueAnswer { .json(Array(text.utf8)) }

    /// Binance's error document.
    static func error(status: Int, code: Int, _ message: String) -> VenueAnswer {
        var answer = VenueAnswer.json(#"{"code":\#(code),"msg":"\#(message)"}"#)
        answer.status = status
        return answer
    }
}
