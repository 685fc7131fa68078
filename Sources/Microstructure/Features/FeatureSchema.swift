/// The columns of a feature vector, and a number that names them.
public struct FeatureSchema: Sendable, Hashable {
    /// Column names, in the order of the values.
    public let names: [String]
    /// 64-bit FNV-1a of the names and parameters: equal ids mean comparable vectors, on any machine and in any
    /// version. Source: Fowler, Noll, Vo, draft-eastlake-fnv.
    public let id: UInt64

    /// A schema as another process states it.
    public init(names: [String], id: UInt64) {
        self.names = names
        self.id = id
    }

    /// The schema of a `FeatureEngine` with these parameters.
    public init(_ parameters: FeatureParameters = FeatureParameters()) {
        var measures = MeasureSet(parameters)
        self.init(names: measures.columns, parameters: parameters)
    }

    init(names: [String], parameters: FeatureParameters) {
        var hash = StableHash()
        for name in names { hash.combine(name) }
        for field in parameters.fields {
            hash.combine(field.name)
            for value in field.values { hash.combine(String(value)) }
        }
        self.init(names: names, id: hash.value)
    }

    /// Where a column lies, `nil` if there is none. O(columns): look it up once.
    public func index(of name: String) -> Int? { names.firstIndex(of: name) }
}
