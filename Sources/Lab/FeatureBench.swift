import Runtime
import Tape
import Foundation
import Microstructure
import Wire

/// Times the engine alone: the events of a tape are decoded into memory first.
struct FeatureBench {
    private static let passes = 5

    private struct Market {
        let symbol: String
        let instrument: Instrument
        var batch = EventBatch()
    }

    private var markets: [Market] = []

    init(tape: String, symbols: Set<String>) throws {
        var reader = try TapeReader(path: tape)
        var indices: [String: Int] = [:]
        while let record = try reader.next() {
            guard let topic = Topic(record.topicBytes), topic.kind == .tick,
                symbols.isEmpty || symbols.contains(topic.symbol), let venue = Venue(rawValue: topic.venue),
                let envelope = try? EnvelopeCodec.decode(record.body)
            else { continue }
            if indices[topic.market] == nil, let scale = try envelope.exponents() {
                indices[topic.market] = markets.count
                let instrument = Instrument(
                    venue: venue, symbol: topic.symbol, priceExponent: scale.price, quantityExponent: scale.quantity)
                markets.append(Market(symbol: topic.symbol, instrument: instrument))
            }
            if let index = indices[topic.market] { try markets[index].batch.append(envelope, as: InstrumentID(0)) }
        }
        guard !markets.isEmpty else { throw RecordingError(path: tape, problem: "holds no market data") }
    }

    func run() throws(OutputFile.Failure) {
        try StandardOutput.show("symbol       events   vectors    events/s   ns/event   bytes/event once warm")
        for market in markets {
            var best = Double.infinity
            var vectors = 0
            var bytes: Double?
            for _ in 0..<Self.passes {
                let pass = Self.pass(market)
                best = min(best, pass.seconds)
                vectors = pass.vectors
                bytes = pass.bytesPerEvent
            }
            let count = market.batch.events.count
            try StandardOutput.show(
                String(
                    format: "%@ %9d %9d %11.0f %10.0f   %@",
                    market.symbol.padding(toLength: 9, withPad: " ", startingAt: 0), count, vectors,
                    Double(count) / best, best / Double(count) * 1e9,
                    bytes.map { String(format: "%.3f", $0) } ?? "not counted"))
        }
    }

    /// One run of a fresh engine over all events, timed; then the same events again, moved behind the first run: an
    /// engine that has seen the market's busiest moment is warm, and what it allocates then it allocates for ever.
    private static func pass(_ market: Market) -> (seconds: Double, vectors: Int, bytesPerEvent: Double?) {
        var engine = FeatureEngine(instrument: market.instrument, id: InstrumentID(0))
        let events = market.batch.events
        var vectors = 0
        let start = HostClock.monotonicNanoseconds
        for event in events where engine.process(event, levels: market.batch.levels.span) != nil { vectors += 1 }
        let seconds = Double(HostClock.monotonicNanoseconds - start) / 1e9
        let step = (events.last?.receiveNanoseconds ?? 0) - (events.first?.receiveNanoseconds ?? 0)
        // Without the heartbeats from before the first book: a new epoch would be warm-up again.
        let again = events.filter { !$0.isBeforeBook }.map { $0.moved(byNanoseconds: step) }
        let allocated = AllocationCounter.bytes
        for event in again { _ = engine.process(event, levels: market.batch.levels.span) }
        let grown = AllocationCounter.bytes.flatMap { end in allocated.map { Double(end - $0) } }
        return (seconds, vectors, grown.map { $0 / Double(again.count) })
    }
}

extension MarketEvent {
    fileprivate var receiveNanoseconds: Int64 {
        switch self {
        case .book(let update): update.times.receive.nanoseconds
        case .quote(let quote): quote.times.receive.nanoseconds
        case .trade(let trade): trade.times.receive.nanoseconds
        case .heartbeat(let heartbeat): heartbeat.times.receive.nanoseconds
        }
    }

    fileprivate var isBeforeBook: Bool {
        if case .heartbeat(let heartbeat) = self { heartbeat.validity != .valid } else { false }
    }

    /// The same event later. Quotes lose their ids, which would be older than those of before.
    fileprivate func moved(byNanoseconds step: Int64) -> MarketEvent {
        func moved(_ times: EventTimes) -> EventTimes {
            EventTimes(
                venue: times.venue.advanced(byNanoseconds: step), receive: times.receive.advanced(byNanoseconds: step))
        }
        switch self {
        case .book(var update):
            update.times = moved(update.times)
            return .book(update)
        case .quote(var quote):
            quote.times = moved(quote.times)
            quote.updateID = .max
            return .quote(quote)
        case .trade(var trade):
            trade.times = moved(trade.times)
            return .trade(trade)
        case .heartbeat(var heartbeat):
            heartbeat.times = moved(heartbeat.times)
            return .heartbeat(heartbeat)
        }
    }
}

/// Bytes that this process has asked malloc for, where the counter of `Tests/Benchmarks` is preloaded.
enum AllocationCounter {
    private typealias Function = @convention(c) () -> UInt64
    private static let function: Function? = dlsym(nil, "microstructure_allocated_bytes").map {
        unsafeBitCast($0, to: Function.self)
    }

    static var bytes: UInt64? { function?() }
}
