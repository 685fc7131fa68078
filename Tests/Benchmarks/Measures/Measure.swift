import Detection
import Evaluation
import Microstructure
import Simulation
import Venues
import Wire

/// A piece of work that is done item by item, to be timed (`Core`) and counted (`Counts`). What it needs is made by its
/// initializer, which nobody measures.
public protocol Measure: ~Copyable {
    /// Does items that follow those of the last call; 0..<`Market.size` at most.
    mutating func run(_ items: Range<Int>) throws
}

/// All measures by their names, in an order to be read in.
public let measures: [(name: String, make: @Sendable (Market) throws -> any Measure & ~Copyable)] = [
    ("scan", { Scan(market: $0) }),
    ("parse + book", { try ParseAndBook($0, prefix: []) }),
    // A space in front turns the venue's own form into one of the others.
    ("parse + book, general reading", { try ParseAndBook($0, prefix: [UInt8(ascii: " ")]) }),
    ("book by order", { OrderChurn($0) }),
    ("feature engine", { Features($0) }),
    ("CUSUM", { Detect(CUSUM(drift: 0.5, threshold: 5), $0) }),
    ("Page-Hinkley", { Detect(PageHinkley(delta: 0.5, threshold: 5), $0) }),
    ("EWMA chart", { Detect(EWMAChart(weight: 0.05, threshold: 3), $0) }),
    ("ADWIN", { Detect(ADWIN(), $0) }),
    ("burst", { Detect(Burst(threshold: 2.5, rearmFraction: 0.8), $0) }),
    ("BOCPD", { RunLengths($0, after: 0) }),
    ("bank", { try Bank($0) }),
    ("parse + features + detectors", { try ParseToSignals($0) }),
    ("book encode + decode", { EncodeAndDecode($0) }),
    ("book encode + decode, generated code", { EncodeAndDecodeGenerated($0) }),
    ("tape write", { try TapeWrite($0) }),
    ("tape read", { try TapeRead($0) }),
    ("triple-barrier labels", { Labels($0) }),
    ("backtest", { try BareBacktest($0) }),
    ("backtest + features + detectors", { try FullBacktest($0) }),
]

struct Scan: Measure {
    let market: Market

    mutating func run(_ items: Range<Int>) throws {
        for item in items {
            let frame = market.frames[market.live.lowerBound + item]
            try JSONScanner.scan(frame.span) { scanner throws(ScanError) in try scanner.skipValue() }
        }
    }
}

struct ParseAndBook: Measure, ~Copyable {
    private let frames: [[UInt8]]
    private let times: [Timestamp]
    private var session: BinanceSession
    private var events = EventBatch()

    init(_ market: Market, prefix: [UInt8]) throws {
        frames = market.frames[market.live].map { prefix + $0 }
        times = Array(market.times[market.live])
        session = try market.session()
    }

    mutating func run(_ items: Range<Int>) throws {
        for item in items {
            events.removeAll()
            let frame = frames[item]
            _ = try session.receive(frame.span, at: times[item], into: &events)
        }
    }
}

struct Features: Measure {
    private let events: [MarketEvent]
    private let levels: [PriceLevel]
    private var engine: FeatureEngine

    init(_ market: Market) {
        events = market.batch.events
        levels = market.batch.levels
        engine = market.engine
    }

    mutating func run(_ items: Range<Int>) {
        let levels = levels
        for item in items { _ = engine.process(events[item], levels: levels.span) }
    }
}

/// A detector on standard normal noise.
struct Detect<Detector: ChangeDetector>: Measure {
    private let values: [Double]
    private var detector: Detector
    private(set) var alarms = 0

    init(_ detector: Detector, _ market: Market) {
        values = market.noise
        self.detector = detector
    }

    mutating func run(_ items: Range<Int>) {
        for item in items
        where detector.process(values[item], at: Timestamp(nanoseconds: Int64(item))) != nil { alarms += 1 }
    }
}

/// Bayesian change points on standard normal noise.
public struct RunLengths: Measure {
    private let values: [Double]
    private var detector = BayesianChangePoint(meanRunLength: 250)

    /// - Parameter past: points that it has had before.
    public init(_ market: Market, after past: Int) {
        values = market.noise
        for index in 0..<past { detector.process(values[index % values.count]) }
    }

    public mutating func run(_ items: Range<Int>) {
        for item in items { detector.process(values[item]) }
    }
}

/// One vector an item, the market's over and over.
struct Bank: Measure {
    private let market: Market
    private let width: Int
    private var bank: DetectorBank
    private var signals: [Signal] = []

    init(_ market: Market) throws {
        self.market = market
        width = market.schema.names.count
        bank = try market.bank()
    }

    mutating func run(_ items: Range<Int>) {
        let vectors = market.vectors
        for item in items {
            let row = item % market.headers.count
            bank.process(
                vectors.span.extracting(row * width..<(row + 1) * width), header: market.headers[row], into: &signals)
        }
    }
}

struct ParseToSignals: Measure, ~Copyable {
    private let market: Market
    private var session: BinanceSession
    private var engine: FeatureEngine
    private var bank: DetectorBank
    private var events = EventBatch()
    private var signals: [Signal] = []

    init(_ market: Market) throws {
        // What can fail first: a struct that cannot be copied is never half made.
        let session = try market.session()
        let bank = try market.bank()
        self.market = market
        self.session = session
        self.bank = bank
        engine = market.engine
    }

    mutating func run(_ items: Range<Int>) throws {
        for item in items {
            events.removeAll()
            let frame = market.frames[market.live.lowerBound + item]
            let time = market.times[market.live.lowerBound + item]
            _ = try session.receive(frame.span, at: time, into: &events)
            let levels = events.levels
            for event in events.events {
                if let header = engine.process(event, levels: levels.span) {
                    let values = engine.values
                    bank.process(values.span, header: header, into: &signals)
                }
            }
        }
    }
}

/// A book of 40 levels, as ingest and features do it.
struct EncodeAndDecode: Measure, ~Copyable {
    private let instrument: Instrument
    private let book: (update: BookSnapshot, levels: [PriceLevel])
    private var writer = EnvelopeWriter(producer: "ingest", epoch: 1)
    private var reader = EnvelopeReader()

    init(_ market: Market) {
        instrument = market.instrument
        book = market.fullBook
    }

    mutating func run(_ items: Range<Int>) throws {
        let levels = book.levels
        for item in items {
            writer.sequence = UInt64(item + 1)
            writer.write(book.update, levels: levels.span, instrument: instrument)
            try writer.withBytes { bytes throws(WireError) in
                try bytes.withUnsafeBytes { bytes throws(WireError) in
                    try reader.read(bytes.bindMemory(to: UInt8.self).span)
                }
            }
            precondition(reader.levels.count == 40)
        }
    }
}

/// A book of 40 levels, as everybody else's generated code does it.
struct EncodeAndDecodeGenerated: Measure {
    private let market: Market
    private let update: BookSnapshot

    init(_ market: Market) {
        self.market = market
        update = market.fullBook.update
    }

    mutating func run(_ items: Range<Int>) throws {
        for item in items {
            let envelope = market.envelope(.book(update), sequence: UInt64(item + 1))
            let decoded = try EnvelopeCodec.decode(EnvelopeCodec.encode(envelope))
            precondition(decoded.sequence == UInt64(item + 1))
        }
    }
}

struct TapeWrite: Measure, ~Copyable {
    private let market: Market
    private var builder: TapeBlockBuilder
    private var tape = MemoryTape()

    init(_ market: Market) throws {
        self.market = market
        builder = try TapeBlockBuilder()
    }

    mutating func run(_ items: Range<Int>) throws {
        for item in items {
            let record = market.bodies[item]
            try builder.append(topic: record.topic, body: record.body, receiveTime: record.time)
            if builder.isFull { _ = try builder.seal(into: &tape.bytes) }
        }
    }
}

struct TapeRead: Measure, ~Copyable {
    private var reader: TapeSegmentReader<MemoryTape>

    init(_ market: Market) throws {
        var builder = try TapeBlockBuilder()
        var tape = MemoryTape()
        for record in market.bodies {
            try builder.append(topic: record.topic, body: record.body, receiveTime: record.time)
            if builder.isFull { _ = try builder.seal(into: &tape.bytes) }
        }
        _ = try builder.seal(into: &tape.bytes)
        reader = try TapeSegmentReader(tape)
    }

    mutating func run(_ items: Range<Int>) throws {
        for _ in items {
            let isRead = try reader.next() != nil
            precondition(isRead)
        }
    }
}

/// Every point of a random walk is an entry; a label looks at 25 points on average.
struct Labels: Measure {
    private let prices: [Price]
    private var labels = 0

    init(_ market: Market) {
        var price: Int64 = 6_000_000
        prices = market.noise.map { step -> Price in
            price += Int64((step * 600).rounded())
            return Price(price)
        }
    }

    mutating func run(_ items: Range<Int>) {
        let limits = BarrierLimits(
            profitTarget: Rate(0.0005), stopLoss: Rate(0.0005), maximumHoldingNanoseconds: 1_000)
        for entry in items {
            let barrier = TripleBarrier(
                side: .long, entryPrice: prices[entry], entryTime: Timestamp(nanoseconds: Int64(entry)), limits: limits)
            var place = entry
            while place + 1 < prices.count {
                place += 1
                if barrier.process(
                    bid: prices[place], ask: prices[place], at: Timestamp(nanoseconds: Int64(place))) != nil
                {
                    labels += 1
                    break
                }
            }
        }
    }
}

struct BareBacktest: Measure {
    private let events: [MarketEvent]
    private let levels: [PriceLevel]
    private var backtest: Backtest

    init(_ market: Market) throws {
        events = market.batch.events
        levels = market.batch.levels
        backtest = try market.backtest()
    }

    mutating func run(_ items: Range<Int>) {
        let levels = levels
        for item in items { backtest.process(events[item], levels: levels.span) }
    }
}

struct FullBacktest: Measure {
    private let events: [MarketEvent]
    private let levels: [PriceLevel]
    private var backtest: Backtest
    private var engine: FeatureEngine
    private var bank: DetectorBank
    private var signals: [Signal] = []

    init(_ market: Market) throws {
        events = market.batch.events
        levels = market.batch.levels
        backtest = try market.backtest()
        engine = market.engine
        bank = try market.bank()
    }

    mutating func run(_ items: Range<Int>) {
        let levels = levels
        for item in items {
            let event = events[item]
            backtest.process(event, levels: levels.span)
            guard let header = engine.process(event, levels: levels.span) else { continue }
            signals.removeAll(keepingCapacity: true)
            let values = engine.values
            bank.process(values.span, header: header, into: &signals)
            for signal in signals {
                backtest.process(
                    Decision(
                        id: signal.id, time: signal.detected, side: signal.direction == .down ? .short : .long,
                        score: signal.score, type: signal.type))
            }
        }
    }
}
