import Detection
import Microstructure

/// What every reader of a signal checks before it uses or stores it: the bus is open to any program.
extension ProtoSignal {
    /// Most Unicode scalars of an id, as in the gateway's contract.
    public static let idLimit = 160
    /// Most Unicode scalars of a symbol, which may hold letters beyond ASCII.
    public static let symbolLimit = SymbolName.lengthLimit
    /// Most bytes of a metric's or a detector's name.
    public static let nameLimit = 256
    /// Most parts of the evidence.
    public static let evidenceLimit = 128
    /// Nanoseconds since 1970, up to the year 2262: the contract's range of a posted signal's time.
    public static let timeRange: ClosedRange<Int64> = 0...9_223_372_036_000_000_000
    /// Largest sequence that a log can have given: SQLite counts in 64 bits with a sign.
    public static let sequenceLimit = UInt64(Int64.max)

    /// Throws the first field whose value no sound signal has. A threshold or probability that is not known is NaN, and
    /// statistics may also be infinite: documents leave them out. O(length), no allocation beyond the topic's.
    public func validate() throws(WireError) {
        guard (1...Self.idLimit).contains(id.unicodeScalars.count), id.isOneWord else {
            throw .invalidField("signal id")
        }
        guard Venue(rawValue: venue) != nil else { throw .invalidField("signal venue") }
        guard SignalType(rawValue: type) != nil else { throw .invalidField("signal type") }
        guard (1...Self.symbolLimit).contains(symbol.unicodeScalars.count), symbol.isOneWord,
            Topic(Topic.signal(venue: venue, symbol: symbol, type: type).bytes) != nil
        else { throw .invalidField("signal symbol") }
        guard metric.utf8.count <= Self.nameLimit else { throw .invalidField("signal metric") }
        // A NaN is outside any range.
        guard (0...1).contains(score) else { throw .invalidField("signal score") }
        guard threshold.isNaN || (0...1).contains(threshold) else { throw .invalidField("signal threshold") }
        guard !hasProbability || probability.isNaN || (0...1).contains(probability) else {
            throw .invalidField("signal probability")
        }
        guard [onsetTimeNs, detectedTimeNs, venueTimeNs, loggedTimeNs].allSatisfy(Self.timeRange.contains) else {
            throw .invalidField("signal time")
        }
        guard
            evidence.count <= Self.evidenceLimit,
            evidence.allSatisfy({
                $0.detector.utf8.count <= Self.nameLimit && $0.metric.utf8.count <= Self.nameLimit
            })
        else { throw .invalidField("signal evidence") }
        guard subtype.isEmpty || SignalType(rawValue: subtype) != nil else { throw .invalidField("signal subtype") }
        guard !hasSubtypeProbability || subtypeProbability.isNaN || (0...1).contains(subtypeProbability) else {
            throw .invalidField("signal subtype probability")
        }
        guard logSequence <= Self.sequenceLimit else { throw .invalidField("signal log sequence") }
    }
}

extension String {
    /// No spaces, control or direction characters, nor any that no standard has assigned.
    fileprivate var isOneWord: Bool {
        unicodeScalars.allSatisfy { scalar in
            switch scalar.properties.generalCategory {
            case .control, .format, .surrogate, .privateUse, .unassigned, .lineSeparator, .paragraphSeparator,
                .spaceSeparator:
                false
            default: true
            }
        }
    }
}
