/// The columns of a feature vector, and a number that identifies them.
public struct FeatureSchema: Sendable, Hashable {
    /// In the order of the values.
    public let columns: [Column]
    /// The names of the columns, in the same order.
    public let names: [String]
    /// 64-bit FNV-1a of the names and parameters: equal ids mean comparable vectors, on any machine and in any
    /// version. Source: Fowler, Noll, Vo, draft-eastlake-fnv.
    public let id: UInt64

    /// A schema as received from another process.
    public init(columns: [Column], id: UInt64) {
        self.columns = columns
        names = columns.map(\.name)
        self.id = id
    }

    /// The schema of a `FeatureEngine` with these parameters.
    public init(_ parameters: FeatureParameters = FeatureParameters()) {
        var measures = MeasureSet(parameters)
        self.init(columns: measures.columns, parameters: parameters)
    }

    init(columns: [Column], parameters: FeatureParameters) {
        var hash = StableHash()
        for column in columns { hash.combine(column.name) }
        for field in parameters.fields {
            hash.combine(field.name)
            for value in field.values { hash.combine(String(value)) }
        }
        self.init(columns: columns, id: hash.value)
    }

    /// Index of a column, `nil` if there is none. O(columns): look it up once.
    public func index(of name: String) -> Int? { names.firstIndex(of: name) }

    /// The column of that name, `nil` if there is none. O(columns).
    public func column(_ name: String) -> Column? { index(of: name).map { columns[$0] } }
}
