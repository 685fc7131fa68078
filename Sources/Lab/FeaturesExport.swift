import Microstructure
import Wire

/// The feature vectors of a tape as CSV.
struct FeaturesExport: ~Copyable {
    /// The columns before those of the schema.
    static let keys = ["time_ns", "venue_time_ns", "symbol", "validity", "book_epoch"]

    private(set) var vectors: TapeVectors
    private var text: [UInt8] = []

    /// - Parameter symbols: the symbols to take; empty takes all.
    init(symbols: Set<String>) { vectors = TapeVectors(symbols: symbols) }

    /// The first line of the file.
    static var header: [UInt8] { Array((keys + FeatureSchema().names).joined(separator: ",").utf8) + [newline] }

    /// Takes one record of the tape; returns the line it adds to the file, `nil` if none.
    mutating func process(_ record: TapeRecord) -> [UInt8]? {
        vectors.process(record).map { row($0.header, of: $0.market) }
    }

    private mutating func row(_ header: FeatureHeader, of market: Int) -> [UInt8] {
        text.removeAll(keepingCapacity: true)
        append("\(header.times.receive.nanoseconds),\(header.times.venue.nanoseconds),")
        append("\(vectors.markets[market].instrument.symbol),\(header.validity),\(header.epoch)")
        for value in vectors.markets[market].engine.values {
            // The shortest text that reads back as the same double.
            append(",\(value)")
        }
        text.append(Self.newline)
        return text
    }

    private mutating func append(_ part: String) { text.append(contentsOf: part.utf8) }

    private static let newline = UInt8(ascii: "\n")
}
