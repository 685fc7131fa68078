public import Microstructure

// Descriptions of feature vector columns ↔ their messages.

extension ProtoFeatureSchema {
    public init(_ schema: FeatureSchema) {
        self.init()
        schemaID = schema.id
        columns = schema.columns.map { column in
            var proto = ProtoFeatureColumn()
            proto.name = column.name
            proto.source = column.source.proto
            proto.side = column.side.proto
            proto.unit = column.unit.rawValue
            proto.meaning = column.meaning
            return proto
        }
    }
}

extension FeatureSchema {
    /// Throws if there are no columns, more than a vector can have values, two of one name, or one with a source or
    /// side unknown to this version.
    public init(_ proto: ProtoFeatureSchema) throws(WireError) {
        guard (1...ProtoFeatureVector.valueLimit).contains(proto.columns.count) else { throw .invalidField("columns") }
        var columns: [Column] = []
        columns.reserveCapacity(proto.columns.count)
        for column in proto.columns {
            columns.append(
                Column(
                    column.name, source: try Column.Source(column.source), side: try Column.Side(column.side),
                    unit: Column.Unit(rawValue: column.unit), meaning: column.meaning))
        }
        guard Set(columns.map(\.name)).count == columns.count else { throw .invalidField("column name") }
        self.init(columns: columns, id: proto.schemaID)
    }
}

extension Column.Source {
    fileprivate var proto: ProtoColumnSource {
        switch self {
        case .book: .book
        case .quotes: .quotes
        case .trades: .trades
        case .orders: .orders
        case .clock: .clock
        case .group: .group
        }
    }

    fileprivate init(_ proto: ProtoColumnSource) throws(WireError) {
        switch proto {
        case .book: self = .book
        case .quotes: self = .quotes
        case .trades: self = .trades
        case .orders: self = .orders
        case .clock: self = .clock
        case .group: self = .group
        case .unspecified, .UNRECOGNIZED: throw .invalidField("column source")
        }
    }
}

extension Column.Side {
    fileprivate var proto: ProtoColumnSide {
        switch self {
        case .signed: .signed
        case .unsigned: .unsigned
        }
    }

    fileprivate init(_ proto: ProtoColumnSide) throws(WireError) {
        switch proto {
        case .signed: self = .signed
        case .unsigned: self = .unsigned
        case .unspecified, .UNRECOGNIZED: throw .invalidField("column side")
        }
    }
}
