import Foundation
import Simulation
import Transport

/// The HTTP API of a venue that sends its books in the stream: its paths, and one limit of requests a minute.
class StreamAPI: VenueAPI {
    private let requestLimit: Int
    private var minute: Int64 = 0
    private var used = 0

    init(requestLimit: Int) { self.requestLimit = requestLimit }

    let requestHeaders: [String] = []
    var ownFaults: Set<FaultKind> { [.lateSnapshot] }
    var usageHeaders: [(name: String, value: String)] { [] }

    func rejection(of request: ServerRequest) -> VenueAnswer? {
        guard isKnown(path: request.path) else { return VenueAnswer(status: 404, body: []) }
        return request.method == "GET" ? nil : VenueAnswer(status: 405, body: [])
    }

    func charge(_ request: ServerRequest) -> VenueAnswer? {
        let second = Int64(Date().timeIntervalSince1970)
        if second / 60 != minute { (minute, used) = (second / 60, 0) }
        used += 1
        guard used > requestLimit else { return nil }
        return refusal(status: 429, seconds: Double(60 - second % 60))
    }

    func symbol(in request: ServerRequest) -> String? { nil }
    func isForBook(_ request: ServerRequest) -> Bool { false }
    func answer(withBook body: [UInt8]) -> VenueAnswer { VenueAnswer(body: body) }

    func answer(to fault: Fault, seconds: Double) -> VenueAnswer {
        refusal(status: fault.kind == .serverError ? fault.status : fault.kind == .ban ? 418 : 429, seconds: seconds)
    }

    private func refusal(status: Int, seconds: Double) -> VenueAnswer {
        VenueAnswer(
            status: status, headers: [("Retry-After", "\(Int(seconds.rounded(.up)))")],
            body: errorBody(status: status))
    }

    // MARK: For subclasses

    func isKnown(path: String) -> Bool { false }
    /// The venue's own error body.
    func errorBody(status: Int) -> [UInt8] { [] }
    func answer(_ request: ServerRequest, by exchange: ExchangeSimulator, at now: Int64) -> VenueAnswer {
        VenueAnswer(status: 404, body: [])
    }
    func handshake(_ request: ServerRequest) -> Handshake { .refuse(status: 404) }
}
