public import Microstructure

/// The feature schemas that a consumer of vectors knows: this version's from the start, others as they are published.
///
/// A vector carries only its schema's id. Until that schema arrives, its values cannot be interpreted and must be
/// refused: for at most the few seconds between two schema messages.
public struct SchemaCatalog: Sendable {
    /// Maximum number of schemas, in case somebody publishes nonsense; further ones are refused.
    public static let limit = 64

    private var schemas: [UInt64: FeatureSchema]

    public init() {
        let own = FeatureSchema()
        schemas = [own.id: own]
    }

    /// O(1).
    public subscript(id: UInt64) -> FeatureSchema? { schemas[id] }

    /// Adds a producer's schema. A known id is never replaced: equal ids mean equal names and parameters. Returns
    /// whether the schema was new. Throws if it is invalid or exceeds the limit.
    @discardableResult
    public mutating func learn(_ proto: ProtoFeatureSchema) throws(WireError) -> Bool {
        guard schemas[proto.schemaID] == nil else { return false }
        guard schemas.count < Self.limit else { throw .invalidField("schema_id: more than \(Self.limit) schemas") }
        schemas[proto.schemaID] = try FeatureSchema(proto)
        return true
    }
}
