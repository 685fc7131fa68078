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
        /// Trades missing between the one before, by id, and this; `TradeSeries` finds them.
        var missedBefore: Int64 = 0
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
    /// Whether the recording states `receiveTime`; otherwise it is the venue's time.
    var hasReceiveTime = true
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
