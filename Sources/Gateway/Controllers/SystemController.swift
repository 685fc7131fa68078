import Runtime
import HTTPTypes
import Hummingbird
import Microstructure
import NIOCore

/// Describes the process: health, metrics, the feature schema and the routes.
struct SystemController: Sendable {
    let service: String
    let health: Health
    let metrics: PrometheusRegistry

    private struct SchemaDocument: Encodable {
        struct Column: Encodable {
            let name, source, side, unit, meaning: String
        }

        /// As text: a 64-bit number does not fit a JSON number in most languages.
        let schemaID: String
        let features: [String]
        let columns: [Column]

        enum CodingKeys: String, CodingKey {
            case schemaID = "schema_id"
            case features, columns
        }

        init(_ schema: FeatureSchema) {
            let digits = String(schema.id, radix: 16)
            schemaID = String(repeating: "0", count: 16 - digits.count) + digits
            features = schema.names
            columns = schema.columns.map {
                Column(
                    name: $0.name, source: $0.source.rawValue, side: $0.side.rawValue, unit: $0.unit.rawValue,
                    meaning: $0.meaning)
            }
        }
    }

    private struct IndexDocument: Encodable {
        struct Entry: Encodable {
            let path: String
            let methods: [String]
            let summary: String
        }

        let service: String
        let version = Version.current
        let routes: [Entry]
    }

    var routes: [Route] {
        [
            Route("/api/v1/schema", "The features, in their order, what each is, and the schema's id.", [.get: schema]),
            Route(
                "/health", "200 while every part of the process is alive, else 503.",
                [.get: { _, _ in answer(.health) }]),
            Route(
                "/ready", "200 while every part, and what it depends on, does its job, else 503.",
                [.get: { _, _ in answer(.readiness) }]),
            Route("/openapi.yaml", "This service's contract, OpenAPI 3.1.", [.get: contract]),
            Route("/metrics", "Metrics in the Prometheus text format.", [.get: metricsPage]),
        ]
    }

    /// The route `/`, which lists all other routes.
    func index(of routes: [Route]) -> Route {
        let entries = routes.map { IndexDocument.Entry(path: $0.path, methods: $0.methods, summary: $0.summary) }
        let document = IndexDocument(service: service, routes: entries)
        return Route("/", "This list.", [.get: { _, _ in .json(document) }])
    }

    private func answer(_ question: HealthReport.Question) -> Response {
        let report = HealthReport(question, of: health, service: service)
        return .json(report, status: report.isGood ? .ok : .serviceUnavailable)
    }

    @Sendable private func schema(_ request: Request, _ context: GatewayRequestContext) throws -> Response {
        _ = try QueryParameters(request, allowed: [])
        return .json(SchemaDocument(FeatureSchema()))
    }

    private static let contractText = ByteBuffer(bytes: PackageResources.openapi_yaml)

    @Sendable private func contract(_ request: Request, _ context: GatewayRequestContext) throws -> Response {
        _ = try QueryParameters(request, allowed: [])
        return Response(
            status: .ok, headers: [.contentType: "application/yaml", .xContentTypeOptions: "nosniff"],
            body: ResponseBody(byteBuffer: Self.contractText))
    }

    @Sendable private func metricsPage(_ request: Request, _ context: GatewayRequestContext) -> Response {
        Response(
            status: .ok, headers: [.contentType: "text/plain; version=0.0.4; charset=utf-8"],
            body: ResponseBody(byteBuffer: ByteBuffer(string: metrics.render())))
    }
}
