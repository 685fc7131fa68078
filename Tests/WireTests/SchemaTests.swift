import Microstructure
import Testing

@testable import Wire

/// How consumers learn what the columns of vectors are.
@Suite struct SchemaTests {
    private static func message(_ id: UInt64, _ names: [String]) -> ProtoFeatureSchema {
        ProtoFeatureSchema(
            FeatureSchema(
                columns: names.map { Column($0, source: .orders, side: .signed, unit: .one, meaning: "the \($0)") },
                id: id))
    }

    @Test func aSchemaKeepsAllThatItsColumnsSay() throws {
        for source in Column.Source.allCases {
            for side in Column.Side.allCases {
                let column = Column("a_1", source: source, side: side, unit: .basisPoints, meaning: "the first")
                let schema = FeatureSchema(columns: [column], id: 5)
                #expect(try FeatureSchema(ProtoFeatureSchema(schema)) == schema)
            }
        }
        let own = FeatureSchema()
        var envelope = ProtoEnvelope()
        (envelope.sequence, envelope.sentTimeNs) = (1, 77)
        envelope.featureSchema = ProtoFeatureSchema(own)
        let bytes = EnvelopeCodec.encode(envelope)
        let read = try EnvelopeCodec.decode(bytes)
        #expect(read == envelope && read.receiveTime.nanoseconds == 77)
        #expect(try FeatureSchema(read.featureSchema) == own)
        var reader = EnvelopeReader()
        try reader.read(bytes.span)
        guard case .other(.featureSchema(let message)) = reader.content else {
            Issue.record("read as \(reader.content)")
            return
        }
        #expect(try FeatureSchema(message) == own && reader.receiveTime.nanoseconds == 77)
    }

    @Test func whatIsNotValidIsRefused() throws {
        #expect(throws: WireError.invalidField("columns")) { try FeatureSchema(ProtoFeatureSchema()) }
        #expect(throws: WireError.invalidField("column name")) { try FeatureSchema(Self.message(1, ["a", "b", "a"])) }
        var message = Self.message(1, ["a"])
        message.columns[0].source = .UNRECOGNIZED(99)
        #expect(throws: WireError.invalidField("column source")) { try FeatureSchema(message) }
        message = Self.message(1, ["a"])
        message.columns[0].side = .unspecified
        #expect(throws: WireError.invalidField("column side")) { try FeatureSchema(message) }
        let many = (0...ProtoFeatureVector.valueLimit).map { "c\($0)" }
        #expect(throws: WireError.invalidField("columns")) { try FeatureSchema(Self.message(1, many)) }
    }

    @Test func aCatalogKnowsItsOwnAndLearnsOthersOnce() throws {
        var catalog = SchemaCatalog()
        let own = FeatureSchema()
        #expect(catalog[own.id] == own && catalog[1] == nil)
        let isNew = [try catalog.learn(Self.message(1, ["a"])), try catalog.learn(Self.message(1, ["b"]))]
        #expect(isNew == [true, false])
        #expect(catalog[1]?.names == ["a"])
        try catalog.learn(Self.message(own.id, ["b"]))
        #expect(catalog[own.id] == own)
        for id in 2..<UInt64(SchemaCatalog.limit) { try catalog.learn(Self.message(id, ["a"])) }
        #expect(throws: WireError.self) { try catalog.learn(Self.message(1_000, ["a"])) }
        #expect(catalog[1_000] == nil)
    }
}
