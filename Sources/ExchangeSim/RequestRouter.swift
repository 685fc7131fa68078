import Runtime
import Transport

/// Routes requests and handshakes to the control API, the fault plan and the venue's API.
final class RequestRouter: ServerDelegate {
    weak var exchange: ExchangeSimulator?
    private let api: any VenueAPI

    init(_ api: any VenueAPI) { self.api = api }

    func didRequestUpgrade(_ request: ServerRequest) -> UpgradeDecision {
        guard let exchange else { return .refuse(status: 503) }
        switch api.handshake(request) {
        case .accept(let connection): return .accept(SimulatedClient(connection, exchange))
        case .refuse(let status): return .refuse(status: status)
        }
    }

    func didReceive(_ request: ServerRequest, responder: HTTPResponder) {
        guard let exchange else {
            responder.respond(status: 503, text: "")
            return
        }
        if request.path.hasPrefix("/control/") { return ControlAPI.answer(request, responder, exchange) }
        if let rejection = api.rejection(of: request) { return rejection.respond(responder) }
        let now = HostClock.monotonicNanoseconds
        if exchange.faults.intercept(request, responder, at: now) { return }
        if let refusal = api.charge(request) {
            exchange.statistics.requestsRefused += 1
            return refusal.respond(responder)
        }
        exchange.statistics.requestsAnswered += 1
        api.answer(request, by: exchange, at: now).respond(responder, adding: api.usageHeaders)
    }
}
