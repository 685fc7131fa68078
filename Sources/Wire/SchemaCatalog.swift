public import Microstructure

/// The feature schemas that a consumer of vectors knows: this version's from the start, others as they are published.
///
/// A vector only carries its schema's id. Until that schema has come its values cannot be told apart and must be refused:
/// at most the few seconds between two schema messages.
public struct SchemaCatalog: Sendable {
    /// Most schemas kept, for a bus on which somebody publishes nonsense; further ones are refused.
    public static let limit = 64

    private var schemas: [UInt64: FeatureSchema]

    public init() {
        let own = FeatureSchema()
        schemas = [own.id: own]
    }

    /// O(1).
    public subscript(id: UInt64) -> FeatureSchema? { schemas[id] }

    /// Takes a schema as a producer states it. What is known under an id is never replaced: equal ids are equal names and
    /// parameters. Returns whether it was new. Throws where it is not valid, or one too many.
    @discardableResult
    public mutating func learn(_ proto: ProtoFeatureSchema) throws(WireError) -> Bool {
        guard schemas[proto.schemaID] == nil else { return false }
        guard schemas.count < Self.limit else { throw .invalidField("schema_id: more than \(Self.limit) schemas") }
        schemas[proto.schemaID] = try FeatureSchema(proto)
        return true
    }
}
