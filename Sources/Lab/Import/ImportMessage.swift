import Microstructure

/// One message of a recording, with its receive time.
struct ImportMessage: Sendable {
    struct Trade: Sendable {
        var symbol: String
        var id: Int64?
        var price: ExactDecimal
        var quantity: ExactDecimal
        var aggressor: AggressorSide
        var venueTime: Timestamp
    }

    struct Quote: Sendable {
        var symbol: String
        var bid: Level
        var ask: Level
        var venueTime: Timestamp
    }

    struct Level: Sendable {
        var price: ExactDecimal
        var quantity: ExactDecimal
    }

    /// Levels of both sides: a delta, a whole book, or its top.
    struct Levels: Sendable {
        var symbol: String
        var bids: [Level] = []
        var asks: [Level] = []
        var venueTime: Timestamp
    }

    enum Content: Sendable {
        /// A frame of a Binance stream, as text.
        case frame(symbol: String?, [UInt8])
        /// Binance's REST answer, as text; without a symbol it is that of the file.
        case snapshot(symbol: String?, [UInt8])
        /// The recorder reconnected.
        case connected
        /// A Binance depth update by its ids.
        case depth(Levels, first: Int64, last: Int64)
        /// A Binance snapshot by its id.
        case depthSnapshot(Levels, last: Int64)
        /// A snapshot or delta of a book without ids.
        case levels(Levels, isSnapshot: Bool)
        /// An unreadable delta of the book.
        case lostLevels(symbol: String)
        /// The best levels at one moment; each message stands alone.
        case top(Levels)
        case quote(Quote)
        case trade(Trade)
    }

    var receiveTime: Timestamp
    /// Its line in the file, from 1.
    var line: Int
    var content: Content
}

/// Reads the messages of one file. Reports and skips unreadable data.
protocol MessageReader: AnyObject {
    /// The next message in the order of the file, or `nil` behind the last.
    func next(_ report: inout ImportReport) -> ImportMessage?
    /// Bytes of the file read so far.
    var bytesRead: Int { get }
}

/// Parses the times of a recording.
enum RecordingTime {
    /// From 2009-01-03, the earliest possible day of these markets, to 2100: a time outside is damaged data.
    static let range =
        Timestamp(nanoseconds: 1_230_940_800_000_000_000)...Timestamp(nanoseconds: 4_102_444_800_000_000_000)

    /// Parses a whole or decimal count since 1970 in seconds, milliseconds, microseconds or nanoseconds; within `range`
    /// its size tells the unit.
    static func parse(_ bytes: [UInt8], _ range: Range<Int>) -> Timestamp? {
        let point = bytes[range].firstIndex(of: UInt8(ascii: ".")) ?? range.upperBound
        guard let whole = WholeNumber.parse(bytes, range.lowerBound..<point), whole > 0 else { return nil }
        var unit: Int64
        switch whole {
        case ..<100_000_000_000: unit = 1_000_000_000
        case ..<100_000_000_000_000: unit = 1_000_000
        case ..<100_000_000_000_000_000: unit = 1_000
        default: unit = 1
        }
        var (time, overflow) = whole.multipliedReportingOverflow(by: unit)
        guard !overflow else { return nil }
        for byte in bytes[min(point + 1, range.upperBound)..<range.upperBound] {
            let digit = byte &- UInt8(ascii: "0")
            guard digit <= 9 else { return nil }
            unit /= 10
            time += Int64(digit) * unit
        }
        let result = Timestamp(nanoseconds: time)
        return Self.range.contains(result) ? result : nil
    }
}
