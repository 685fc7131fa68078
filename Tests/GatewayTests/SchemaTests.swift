import Foundation
import Microstructure
import Testing
import Wire

@testable import Gateway
@testable import Runtime
@testable import Bus

extension GatewayTests {
    @Suite struct SchemaTests {
        private struct Latest: Decodable {
            struct Vector: Decodable {
                let symbol: String
                let values: [String: Double?]
            }

            let vectors: [Vector]
        }

        /// Vectors of another version are refused and counted until their columns are known, then shown under their own names.
        @Test func vectorsOfAnotherVersionAreShownUnderTheirNames() async throws {
            let labels = #"{reason="schema"}"#
            let columns =
                ["new_1", "new_2"].map { Column($0, source: .orders, unit: .one, meaning: "the \($0)") }
                + FeatureSchema().columns
            let wide = FeatureSchema(columns: columns, id: 42)
            try await Bench.run { bench in
                let before = metric(MetricName.busRejected, labels)
                var vector = ProtoFeatureVector()
                (vector.schemaID, vector.validity) = (wide.id, .valid)
                vector.values = columns.indices.map { Double($0) }
                let topic = Topic.feature(venue: "binance", symbol: "BTCUSDT")
                try bench.publish(.featureVector(vector), on: topic)
                #expect(eventually { metric(MetricName.busRejected, labels) == before + 1 })
                #expect(try ask(bench.port, "GET", "/api/v1/features/latest").decode(Latest.self).vectors.isEmpty)

                try bench.publish(
                    .featureSchema(ProtoFeatureSchema(wide)), on: .featureSchema(venue: "binance", symbol: "BTCUSDT"))
                try bench.publish(.featureVector(vector), on: topic)
                let port = bench.port
                func latest() throws -> Latest.Vector? {
                    try ask(port, "GET", "/api/v1/features/latest").decode(Latest.self).vectors.first
                }
                #expect(try eventually { try latest() != nil })
                let values = try #require(try latest()).values
                #expect(values["new_1"] == 0 && values["new_2"] == 1 && values["mid"] == 2)
                #expect(values.count == columns.count)

                // This version's own are known at once.
                vector.schemaID = FeatureSchema().id
                vector.values = FeatureSchema().columns.indices.map { Double($0) }
                try bench.publish(.featureVector(vector), on: topic)
                #expect(try eventually { try latest()?.values["mid"] == 0 })
                #expect(metric(MetricName.busRejected, labels) == before + 1)
            }
        }
    }
}
