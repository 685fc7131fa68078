import Runtime
import Foundation
import Microstructure
import Simulation
import Transport

/// The simulator's own HTTP API under `/control/`: manual faults, and the truth to compare a client with.
enum ControlAPI {
    private struct FaultsDocument: Encodable {
        let seed: UInt64
        let total: Int
        let struck: [String: Int]
    }

    private struct BookDocument: Encodable {
        let symbol: String
        let updateId: Int64
        /// `[price, size]` with eight decimals, best first.
        let bids: [[String]]
        let asks: [[String]]
    }

    private struct AccountsDocument: Encodable {
        struct Symbol: Encodable {
            let symbol: String
            let lastTradeId: Int64
            let updateId: Int64?
        }

        let symbols: [Symbol]
        let messagesSent: [String: UInt64]
        let connections: UInt64
        let requestsAnswered: UInt64
        let requestsRefused: UInt64
    }

    private struct StatusDocument: Codable {
        let symbol: String
        /// Without it the symbol is not listed.
        let status: String?
    }

    private struct ErrorDocument: Encodable { let error: String }
    private struct NumberDocument: Encodable { let number: Int }

    static func answer(_ request: ServerRequest, _ responder: HTTPResponder, _ exchange: ExchangeSimulator) {
        switch (request.method, request.path) {
        case ("POST", "/control/faults"): arm(request, responder, exchange)
        case ("GET", "/control/faults"):
            let plan = exchange.faults.plan
            let struck = plan.strikes.filter { $0.value > 0 }.map { ($0.key.rawValue, $0.value) }
            respond(
                responder, 200,
                FaultsDocument(
                    seed: plan.seed, total: plan.total, struck: Dictionary(struck, uniquingKeysWith: { $0 + $1 })))
        case ("POST", "/control/status"): changeStatus(request, responder, exchange)
        case ("GET", "/control/book"): book(request, responder, exchange)
        case ("GET", "/control/accounts"):
            let statistics = exchange.statistics
            respond(
                responder, 200,
                AccountsDocument(
                    symbols: exchange.feeds.map {
                        .init(
                            symbol: $0.market.listing.symbol, lastTradeId: $0.history.lastID,
                            updateId: $0.truth?.latest?.updateID)
                    },
                    messagesSent: Dictionary(
                        statistics.messagesSent.map { ($0.key.channelName, $0.value) }, uniquingKeysWith: { $0 + $1 }),
                    connections: statistics.clientsAccepted, requestsAnswered: statistics.requestsAnswered,
                    requestsRefused: statistics.requestsRefused))
        default:
            respond(
                responder, 404,
                ErrorDocument(error: "try /control/faults, /control/status, /control/book, /control/accounts"))
        }
    }

    private static func arm(_ request: ServerRequest, _ responder: HTTPResponder, _ exchange: ExchangeSimulator) {
        do {
            let fault = try JSONDecoder().decode(Fault.self, from: Data(request.body))
            if fault.kind == .crossed, exchange.feeds.allSatisfy({ $0.truth == nil }) {
                return respond(responder, 409, ErrorDocument(error: "crossed needs --truth or --faults"))
            }
            if let objection = exchange.venue.objection(to: fault.kind) {
                return respond(responder, 400, ErrorDocument(error: objection))
            }
            if let symbol = fault.symbol, exchange.feed(of: symbol) == nil {
                return respond(responder, 400, ErrorDocument(error: "\(symbol) is not traded here"))
            }
            guard let number = exchange.faults.arm(fault) else {
                return respond(
                    responder, 429, ErrorDocument(error: "\(FaultPlan.armedLimit) faults wait for an opportunity"))
            }
            respond(responder, 202, NumberDocument(number: number))
        } catch {
            respond(responder, 400, ErrorDocument(error: describe(error)))
        }
    }

    private static func changeStatus(
        _ request: ServerRequest, _ responder: HTTPResponder, _ exchange: ExchangeSimulator
    ) {
        do {
            let wanted = try JSONDecoder().decode(StatusDocument.self, from: Data(request.body))
            let isWord = wanted.status?.utf8.allSatisfy { (0x41...0x5A).contains($0) || $0 == 0x5F } ?? true
            guard isWord, wanted.status != "" else {
                return respond(
                    responder, 400, ErrorDocument(error: "status needs capital letters, e.g. HALT; none takes it off"))
            }
            guard exchange.change(wanted.symbol, to: wanted.status) else {
                return respond(responder, 400, ErrorDocument(error: "\(wanted.symbol) is not traded here"))
            }
            respond(responder, 200, wanted)
        } catch {
            respond(responder, 400, ErrorDocument(error: describe(error)))
        }
    }

    /// The error in a fault file or request body, in one line.
    static func describe(_ error: any Error) -> String {
        switch error {
        case let error as FaultFileError: error.description
        case DecodingError.dataCorrupted(let context):
            context.underlyingError.map { describe($0) } ?? JSONFile.describe(error)
        default: JSONFile.describe(error)
        }
    }

    private static func book(_ request: ServerRequest, _ responder: HTTPResponder, _ exchange: ExchangeSimulator) {
        guard let symbol = request.query("symbol"), let feed = exchange.feed(of: symbol) else {
            return respond(responder, 400, ErrorDocument(error: "needs ?symbol= of a symbol that is traded here"))
        }
        guard let truth = feed.truth else {
            return respond(responder, 409, ErrorDocument(error: "start exchange-sim with --truth or --faults"))
        }
        let wanted = request.query("updateId").flatMap(Int64.init)
        guard let record = wanted.map({ truth.record(at: $0) }) ?? truth.latest else {
            return respond(responder, 404, ErrorDocument(error: "the book is not known at this update id"))
        }
        func texts(_ levels: [PriceLevel]) -> [[String]] {
            levels.map { [text($0.price.mantissa), text($0.quantity.mantissa)] }
        }
        respond(
            responder, 200,
            BookDocument(
                symbol: symbol, updateId: record.updateID, bids: texts(record.bids), asks: texts(record.asks)))
    }

    /// A number of 10⁻⁸ with eight decimals.
    private static func text(_ value: Int64) -> String {
        let digits = String(value % 100_000_000)
        return "\(value / 100_000_000)." + String(repeating: "0", count: 8 - digits.count) + digits
    }

    private static func respond(_ responder: HTTPResponder, _ status: Int, _ document: some Encodable) {
        guard let body = try? CompactJSON.bytes(document) else { return responder.respond(status: 500, text: "") }
        responder.respond(status: status, headers: [("Content-Type", "application/json")], body: body)
    }
}
