import Detection
import Evaluation
import Microstructure
import Simulation
import Venues
import Wire

/// What the benchmarks are fed: an hour and more of a synthetic market, as frames, as events and as vectors. Every run has
/// the same.
public struct Market: Sendable {
    /// Items of every measure.
    public let size: Int
    /// Depth updates before the snapshot is answered.
    private static let held = 20
    /// Frames beyond the items, since depth updates that the snapshot contains make no event.
    private static let spare = 20

    let instrument: Instrument
    /// Depth updates of about ten level changes, and trades.
    private(set) var frames: [[UInt8]] = []
    private(set) var times: [Timestamp] = []
    private var snapshot: [UInt8] = []
    private var snapshotPlace = 0
    /// What a session makes of `frames`.
    private(set) var batch = EventBatch()
    private(set) var headers: [FeatureHeader] = []
    /// Row by row.
    private(set) var vectors: [Double] = []
    private(set) var bodies: [(topic: [UInt8], body: [UInt8], time: Timestamp)] = []
    let schema = FeatureSchema()
    /// Standard normal, and a few more than `size`.
    let noise: [Double]

    public init(size: Int) throws {
        self.size = size
        var random = SplitMix64(seed: 1)
        noise = (0..<size + 1_000).map { _ in random.normal() }
        var parameters = SyntheticParameters(symbol: "BTCUSDT")
        parameters.orderRate = 70
        parameters.marketOrderRate = 6
        let specification = SyntheticSpecification(markets: [parameters])
        instrument = SyntheticFeed(specification).instruments[0]
        var market = BinanceDialect().serve(
            SyntheticMarket(parameters, seed: 1, startTime: specification.startTime))
        while frames.count < size + Self.held + Self.spare, let frame = try market.nextFrame(dueBy: .max) {
            guard frame.kind != .quote else { continue }
            frames.append(frame.bytes)
            times.append(specification.startTime.advanced(byNanoseconds: frame.due))
            guard snapshot.isEmpty, frames.count == Self.held else { continue }
            snapshot = market.snapshot(limit: 1_000) ?? []
            snapshotPlace = frames.count
        }
        var session = try session()
        for place in snapshotPlace..<frames.count {
            let frame = frames[place]
            _ = try session.receive(frame.span, at: times[place], into: &batch)
        }
        precondition(session.validity(of: InstrumentID(0)) == .valid)
        var engine = engine
        let levels = batch.levels
        for (index, event) in batch.events.enumerated() {
            if let header = engine.process(event, levels: levels.span) {
                headers.append(header)
                vectors += engine.values
            }
            bodies.append(message(event, sequence: UInt64(index + 1)))
        }
    }

    /// The places of the frames that `session()` has not had.
    var live: Range<Int> { snapshotPlace..<frames.count }

    /// A session whose book is VALID.
    func session() throws -> BinanceSession {
        var configuration = BinanceConfiguration(instruments: [instrument])
        configuration.snapshotDepth = 1_000
        configuration.streams = [.depth, .trades]
        var session = try BinanceSession(configuration)
        var events = EventBatch()
        session.connectionOpened(at: times[0])
        for place in 0..<snapshotPlace {
            let frame = frames[place]
            _ = try session.receive(frame.span, at: times[place], into: &events)
        }
        _ = try session.receiveSnapshot(
            snapshot.span, for: InstrumentID(0), at: times[snapshotPlace], into: &events)
        return session
    }

    var engine: FeatureEngine { FeatureEngine(instrument: instrument, id: InstrumentID(0)) }

    func bank() throws -> DetectorBank {
        try DetectorBank(venue: .binance, symbol: instrument.symbol, schema: schema, profile: .classic)
    }

    func backtest() throws -> Backtest {
        let grid = TimeGrid(from: times[0], to: times[times.count - 1], shortestSeconds: 10)
        return try Backtest(instrument: instrument, configuration: BacktestConfiguration(), grid: grid)
    }

    /// The event as ingest publishes it.
    func envelope(_ event: MarketEvent, sequence: UInt64) -> ProtoEnvelope {
        var envelope = ProtoEnvelope()
        envelope.producer = "ingest"
        envelope.epoch = 1
        envelope.sequence = sequence
        envelope.sentTimeNs = times[0].nanoseconds
        let levels = batch.levels
        switch event {
        case .book(let update): envelope.book = ProtoBook(update, levels: levels.span, instrument: instrument)
        case .trade(let trade): envelope.trade = ProtoTrade(trade, instrument: instrument)
        case .quote(let quote): envelope.quote = ProtoQuote(quote, instrument: instrument)
        case .heartbeat(let beat): envelope.status = ProtoStatus(validity: beat.validity, bookEpoch: beat.epoch)
        }
        return envelope
    }

    private func message(
        _ event: MarketEvent, sequence: UInt64
    ) -> (topic: [UInt8], body: [UInt8], time: Timestamp) {
        let detail: Topic.TickDetail = if case .book = event { .book } else { .trade }
        let envelope = envelope(event, sequence: sequence)
        let topic = Topic.tick(instrument.venue, instrument.symbol, detail)
        return (Array(topic.bytes), EnvelopeCodec.encode(envelope), envelope.receiveTime)
    }

    /// The first book of all levels, and the levels that it refers to.
    var fullBook: (update: BookSnapshot, levels: [PriceLevel]) {
        for event in batch.events {
            if case .book(let update) = event, update.bids.count == 20, update.asks.count == 20 {
                return (update, batch.levels)
            }
        }
        preconditionFailure("no book of 40 levels")
    }
}

/// A segment in memory.
struct MemoryTape: TapeSource {
    let name = "memory"
    var bytes = TapeFormat.fileHeader(created: 0)

    var byteCount: UInt64 { UInt64(bytes.count) }

    func read(at offset: UInt64, into buffer: inout [UInt8]) throws(TapeError) -> Int {
        let start = min(Int(offset), bytes.count)
        let count = min(buffer.count, bytes.count - start)
        buffer.replaceSubrange(..<count, with: bytes[start..<start + count])
        return count
    }
}
