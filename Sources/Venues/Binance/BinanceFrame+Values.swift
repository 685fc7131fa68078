import Microstructure

/// Decodes the values located by the pass over the frame. Each error names the key at fault.
extension BinanceFrame {
    /// A whole number from 0 to `Int64.max − 1`, so that its successor exists.
    func identifier(_ key: Unicode.Scalar, _ scanner: inout JSONScanner) throws(VenueError) -> Int64 {
        let value = try read(key, &scanner) { (scanner) throws(ScanError) in try scanner.integer() }
        guard value >= 0, value < .max else { throw rejection(.outOfRange, key) }
        return value
    }

    /// The id of the last change before this update, `pu`; one above it is the first id that the update accounts for.
    func predecessor(_ scanner: inout JSONScanner) throws(VenueError) -> Int64 {
        func rejection(_ kind: RejectionKind, at offset: Int) -> VenueError {
            .rejected(Rejection(kind, in: payload, of: owner, field: "pu", at: max(0, offset)))
        }
        guard predecessorOffset >= 0 else { throw rejection(.missingField, at: 0) }
        scanner.position = predecessorOffset
        let value: Int64
        do throws(ScanError) {
            value = try scanner.integer()
        } catch {
            throw rejection(RejectionKind(error.kind), at: error.offset)
        }
        guard value >= 0, value < .max else { throw rejection(.outOfRange, at: predecessorOffset) }
        return value
    }

    func time(
        _ key: Unicode.Scalar, in unit: VenueTimeUnit, _ scanner: inout JSONScanner
    ) throws(VenueError) -> Timestamp {
        let count = try read(key, &scanner) { (scanner) throws(ScanError) in try scanner.integer() }
        guard let time = unit.timestamp(count) else { throw rejection(.outOfRange, key) }
        return time
    }

    /// A price or size of at least `minimum` units.
    func decimal(
        _ key: Unicode.Scalar, exponent: Int8, atLeast minimum: Int64, _ scanner: inout JSONScanner
    ) throws(VenueError) -> Int64 {
        let value = try read(key, &scanner) { (scanner) throws(ScanError) in
            try scanner.decimal(exponent: exponent)
        }
        guard value >= minimum else { throw rejection(.outOfRange, key) }
        return value
    }

    func boolean(_ key: Unicode.Scalar, _ scanner: inout JSONScanner) throws(VenueError) -> Bool {
        try read(key, &scanner) { (scanner) throws(ScanError) in try scanner.boolean() }
    }

    /// Levels skipped because the instrument or event type was not known yet.
    func levels(
        _ key: Unicode.Scalar, of scale: PriceScale, _ scanner: inout JSONScanner, into levels: inout [PriceLevel]
    ) throws(VenueError) {
        try read(key, &scanner) { (scanner) throws(ScanError) in try scanner.levels(of: scale, into: &levels) }
    }

    func rejection(_ kind: RejectionKind, _ key: Unicode.Scalar) -> VenueError {
        .rejected(Rejection(kind, in: payload, of: owner, field: String(key), at: max(0, offset(of: key))))
    }

    func rejection(_ error: ScanError) -> VenueError {
        .rejected(Rejection(RejectionKind(error.kind), in: payload, of: owner, at: error.offset))
    }

    private var owner: InstrumentID? { symbol >= 0 ? InstrumentID(symbol) : nil }

    @inline(__always)
    private func read<Value>(
        _ key: Unicode.Scalar, _ scanner: inout JSONScanner,
        _ body: (inout JSONScanner) throws(ScanError) -> Value
    ) throws(VenueError) -> Value {
        guard has(key) else { throw rejection(.missingField, key) }
        scanner.position = offset(of: key)
        do throws(ScanError) {
            return try body(&scanner)
        } catch {
            throw .rejected(
                Rejection(
                    RejectionKind(error.kind), in: payload, of: owner, field: String(key), at: error.offset))
        }
    }
}
