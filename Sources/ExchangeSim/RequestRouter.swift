import Runtime
import Transport

/// Routes requests and handshakes to the control API, the fault plan and the venue's API. The first part of the path may
/// name the venue; of several it must.
final class RequestRouter: ServerDelegate {
    private let exchanges: [(name: String, exchange: ExchangeSimulator)]

    init(_ exchanges: [(name: String, exchange: ExchangeSimulator)]) { self.exchanges = exchanges }

    /// The exchange that a request is for, and the request as that exchange knows it.
    private func route(_ request: ServerRequest) -> (exchange: ExchangeSimulator, request: ServerRequest)? {
        for (name, exchange) in exchanges {
            if let inner = request.below("/" + name) { return (exchange, inner) }
        }
        return exchanges.count == 1 ? (exchanges[0].exchange, request) : nil
    }

    func didRequestUpgrade(_ request: ServerRequest) -> UpgradeDecision {
        guard let (exchange, request) = route(request) else { return .refuse(status: 404) }
        switch exchange.api.handshake(request) {
        case .accept(let connection): return .accept(SimulatedClient(connection, exchange))
        case .refuse(let status): return .refuse(status: status)
        }
    }

    func didReceive(_ request: ServerRequest, responder: HTTPResponder) {
        guard let (exchange, request) = route(request) else {
            let paths = exchanges.map { "/" + $0.name }.joined(separator: ", ")
            return responder.respond(
                status: 404, text: "several venues are served here, each below its name: \(paths)\n")
        }
        if request.path.hasPrefix("/control/") { return ControlAPI.answer(request, responder, exchange) }
        let api = exchange.api
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
