import Microstructure
import Venues

/// The messages of an import, in the order of their receive times.
protocol ImportSource: ~Copyable {
    var instruments: [Instrument] { get }
    /// Bytes of the files read so far.
    var bytesRead: Int { get }
    /// The receive time of the next message, or `nil` behind the last.
    mutating func nextTime(_ report: inout ImportReport) throws -> Timestamp?
    /// Appends the events of that message. Returns the instrument whose book has just become invalid, since live ingest
    /// publishes that at once.
    mutating func process(into batch: inout EventBatch, _ report: inout ImportReport) -> InstrumentID?
    /// The values for an instrument's status message.
    func state(of id: InstrumentID) -> (validity: Validity, bookEpoch: UInt64, counts: SessionCounts)
    /// Reports what shows only at the end.
    mutating func finish(_ paths: String, _ report: inout ImportReport)
}

/// Rows and Binance's messages, sorted where their files are not.
struct OrderedImport: ImportSource, ~Copyable {
    let paths: [String]
    private var messages: OrderedMessages
    var market: MarketImport
    private var next: (message: ImportMessage, file: Int)?

    init(paths: [String], messages: OrderedMessages, market: consuming MarketImport) {
        self.paths = paths
        self.messages = messages
        self.market = market
    }

    var instruments: [Instrument] { market.instruments }
    var bytesRead: Int { messages.bytesRead }

    mutating func nextTime(_ report: inout ImportReport) throws -> Timestamp? {
        next = try messages.next(&report)
        return next?.message.receiveTime
    }

    mutating func process(into batch: inout EventBatch, _ report: inout ImportReport) -> InstrumentID? {
        guard let (message, file) = next else { return nil }
        return market.process(message, file: file, path: paths[file], into: &batch, &report)
    }

    func state(of id: InstrumentID) -> (validity: Validity, bookEpoch: UInt64, counts: SessionCounts) {
        market.state(of: id)
    }

    mutating func finish(_ paths: String, _ report: inout ImportReport) { market.finish(paths, &report) }
}
