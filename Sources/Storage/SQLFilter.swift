import GRDB

/// The optional conditions of a query, with their arguments.
package struct SQLFilter {
    private var conditions: [String] = []
    /// In the order of the conditions; a query appends the arguments of its later parts.
    package var arguments = StatementArguments()

    package init() {}

    /// Adds a condition with one placeholder, e.g. `symbol = ?`; nothing where there is no value.
    package mutating func add(_ condition: String, _ value: (any DatabaseValueConvertible)?) {
        if let value { add(condition, [value]) }
    }

    /// Adds a condition with as many placeholders as values.
    package mutating func add(_ condition: String, _ values: [any DatabaseValueConvertible]) {
        conditions.append(condition)
        arguments += StatementArguments(values.map { $0 as (any DatabaseValueConvertible)? })
    }

    /// `WHERE …` with all conditions joined by AND; empty without conditions.
    package var clause: String { conditions.isEmpty ? "" : "WHERE " + conditions.joined(separator: " AND ") }
}
