import Runtime
import Wire
import Foundation
import HTTPTypes
import Hummingbird
import Microstructure
import NIOCore

/// `GET /api/v1/signals/{id}/explain`: why a signal was raised, in words and numbers, with the features before and at
/// its detection while they are still in memory.
struct ExplainController<Repository: SignalRepository>: Sendable {
    let repository: Repository
    let board: MarketBoard

    var routes: [Route] {
        [Route("/api/v1/signals/{id}/explain", "A signal's evidence in words and numbers.", [.get: explain])]
    }

    @Sendable private func explain(_ request: Request, _ context: GatewayRequestContext) async throws -> Response {
        _ = try QueryParameters(request, allowed: [])
        let signal = try await repository.require(context)
        let document = try signal.document
        let schema = board.market(document.symbol, venue: document.venue)?.schema ?? board.schema
        let explanation = SignalExplanation(document, schema: schema)
        var json = JSONWriter(capacity: 8_192)
        json.object { json in
            json.raw("signal", signal.json)
            json.string("summary", explanation.summary)
            json.array("findings") { json in
                for finding in explanation.findings { write(finding, to: &json) }
            }
            json.array("cautions") { json in
                for caution in explanation.cautions { json.string(nil, caution) }
            }
            json.object("features") { json in
                write("at_onset", document.onset, of: document, to: &json)
                write("at_detection", document.timestamp, of: document, to: &json)
            }
        }
        return .json(json.buffer)
    }

    private func write(_ finding: SignalExplanation.Finding, to json: inout JSONWriter) {
        json.object { json in
            json.string("detector", finding.detector)
            json.string("metric", finding.feature)
            json.string("meaning", finding.meaning)
            json.string("text", finding.text)
            json.number("statistic", finding.statistic)
            json.number("threshold", finding.threshold)
            json.number("ratio", finding.ratio)
            json.number("share", finding.share)
            json.number("fraction", finding.fraction)
        }
    }

    /// Writes the vector of that moment; null if it is no longer in memory or never was.
    private func write(
        _ key: String, _ seconds: Double?, of signal: SignalDocument, to json: inout JSONWriter
    ) {
        // A `Double` of seconds is exact only to a quarter of a microsecond: include the vector of the moment itself.
        guard let seconds, let venue = signal.venue, PostedSignal.timestampRange.contains(seconds),
            let past = board.vector(
                venue: venue, symbol: signal.symbol, at: Timestamp(nanoseconds: Int64(seconds * 1e9) + 1_000))
        else { return json.string(key, nil) }
        json.object(key) { json in
            json.number("time", past.receiveTime.seconds)
            json.object("values") { json in
                for (name, value) in zip(past.names, past.values) { json.number(name, value) }
            }
        }
    }
}

extension SignalRepository {
    /// The signal whose id is in the path; throws a 404 if there is none.
    func require(_ context: GatewayRequestContext) async throws -> StoredSignal {
        let id = try context.pathText("id")
        if let signal = try await signal(id: id) { return signal }
        throw Problem(.notFound, "no signal has the id '\(id.prefix(200))', or it is no longer held")
    }
}
