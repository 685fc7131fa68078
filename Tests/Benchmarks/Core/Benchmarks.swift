import Benchmark
import Detection
import Evaluation
import Microstructure
import Simulation
import Venues
import Wire

// Each iteration processes `Market.size` items (core.py divides by it), except where the name says otherwise.

private func z(_ count: Int, seed: UInt64 = 1) -> [Double] {
    var random = SplitMix64(seed: seed)
    return (0..<count).map { _ in random.normal() }
}

private func detectorBenchmark(_ name: String, _ make: @escaping @Sendable () -> some ChangeDetector) {
    Benchmark(name) { benchmark in
        let values = z(Market.size)
        var detector = make()
        var alarms = 0
        benchmark.startMeasurement()
        for (index, value) in values.enumerated() {
            if detector.process(value, at: Timestamp(nanoseconds: Int64(index))) != nil { alarms += 1 }
        }
        benchmark.stopMeasurement()
        blackHole(alarms)
    }
}

private func runLengthBenchmark(_ name: String, after past: Int) {
    // The past of ten million takes a minute each time.
    let configuration = Benchmark.Configuration(
        metrics: Benchmark.defaultConfiguration.metrics, warmupIterations: 0, maxDuration: .seconds(3),
        maxIterations: past > 0 ? 1 : 10)
    Benchmark(name, configuration: configuration) { benchmark in
        let values = z(Market.size)
        var detector = BayesianChangePoint(meanRunLength: 250)
        for index in 0..<past { detector.process(values[index % values.count]) }
        benchmark.startMeasurement()
        for value in values { detector.process(value) }
        benchmark.stopMeasurement()
        blackHole(detector.mostProbableRunLength)
    }
}

let benchmarks: @Sendable () -> Void = {
    Benchmark.defaultConfiguration = .init(
        metrics: [.wallClock, .throughput, .instructions], warmupIterations: 1, maxDuration: .seconds(3),
        maxIterations: 30)
    let market = try! Market()

    Benchmark("scan") { benchmark in
        benchmark.startMeasurement()
        for place in market.live {
            let frame = market.frames[place]
            try JSONScanner.scan(frame.span) { scanner throws(ScanError) in try scanner.skipValue() }
        }
        benchmark.stopMeasurement()
    }

    // A space in front turns the venue's own form into one of the others.
    for (name, prefix) in [("parse + book", []), ("parse + book, general reading", [UInt8(ascii: " ")])] {
        Benchmark(name) { benchmark in
            var session = try market.session()
            var events = EventBatch()
            let frames = market.frames.map { prefix + $0 }
            benchmark.startMeasurement()
            for place in market.live {
                events.removeAll()
                let frame = frames[place]
                _ = try session.receive(frame.span, at: market.times[place], into: &events)
            }
            benchmark.stopMeasurement()
            blackHole(events.events.count)
        }
    }

    Benchmark("feature engine") { benchmark in
        var engine = market.engine
        let levels = market.batch.levels
        benchmark.startMeasurement()
        for event in market.batch.events { _ = engine.process(event, levels: levels.span) }
        benchmark.stopMeasurement()
        blackHole(engine.values[0])
    }

    detectorBenchmark("CUSUM") { CUSUM(drift: 0.5, threshold: 5) }
    detectorBenchmark("Page-Hinkley") { PageHinkley(delta: 0.5, threshold: 5) }
    detectorBenchmark("EWMA chart") { EWMAChart(weight: 0.05, threshold: 3) }
    detectorBenchmark("ADWIN") { ADWIN() }
    detectorBenchmark("burst") { Burst(threshold: 2.5, rearmFraction: 0.8) }
    runLengthBenchmark("BOCPD", after: 0)
    runLengthBenchmark("BOCPD after 1,000,000", after: 1_000_000)
    runLengthBenchmark("BOCPD after 10,000,000", after: 10_000_000)

    // `Market.size` vectors, the recorded ones over and over.
    Benchmark("bank") { benchmark in
        var bank = try market.bank()
        var signals: [Signal] = []
        let width = market.schema.names.count
        let vectors = market.vectors
        benchmark.startMeasurement()
        for index in 0..<Market.size {
            let row = index % market.headers.count
            bank.process(
                vectors.span.extracting(row * width..<(row + 1) * width), header: market.headers[row],
                into: &signals)
        }
        benchmark.stopMeasurement()
        blackHole(signals.count)
    }

    Benchmark("parse + features + detectors") { benchmark in
        var session = try market.session()
        var engine = market.engine
        var bank = try market.bank()
        var events = EventBatch()
        var signals: [Signal] = []
        benchmark.startMeasurement()
        for place in market.live {
            events.removeAll()
            let frame = market.frames[place]
            _ = try session.receive(frame.span, at: market.times[place], into: &events)
            let levels = events.levels
            for event in events.events {
                if let header = engine.process(event, levels: levels.span) {
                    let values = engine.values
                    bank.process(values.span, header: header, into: &signals)
                }
            }
        }
        benchmark.stopMeasurement()
        blackHole(signals.count)
    }

    // As ingest and features do it, and as everybody else's generated code does.
    Benchmark("book encode + decode") { benchmark in
        let (update, levels) = market.fullBook
        var writer = EnvelopeWriter(producer: "ingest", epoch: 1)
        var reader = EnvelopeReader()
        var read = 0
        benchmark.startMeasurement()
        for sequence in 1...Market.size {
            writer.sequence = UInt64(sequence)
            writer.write(update, levels: levels.span, instrument: market.instrument)
            let isRead = writer.withBytes { bytes in
                bytes.withUnsafeBytes { reader.read($0.bindMemory(to: UInt8.self).span) }
            }
            read += isRead ? reader.levels.count : 0
        }
        benchmark.stopMeasurement()
        precondition(read == Market.size * 40)
    }

    Benchmark("book encode + decode, generated code") { benchmark in
        let (update, _) = market.fullBook
        var read = 0
        benchmark.startMeasurement()
        for _ in 0..<Market.size {
            read += Int(
                try EnvelopeCodec.decode(EnvelopeCodec.encode(market.envelope(.book(update), sequence: 1))).sequence)
        }
        benchmark.stopMeasurement()
        blackHole(read)
    }

    Benchmark("tape write") { benchmark in
        var builder = try TapeBlockBuilder()
        var tape = MemoryTape()
        benchmark.startMeasurement()
        for record in market.bodies {
            try builder.append(topic: record.topic, body: record.body, receiveTime: record.time)
            if builder.isFull { _ = try builder.seal(into: &tape.bytes) }
        }
        _ = try builder.seal(into: &tape.bytes)
        benchmark.stopMeasurement()
        blackHole(tape.byteCount)
    }

    Benchmark("tape read") { benchmark in
        var builder = try TapeBlockBuilder()
        var tape = MemoryTape()
        for record in market.bodies {
            try builder.append(topic: record.topic, body: record.body, receiveTime: record.time)
            if builder.isFull { _ = try builder.seal(into: &tape.bytes) }
        }
        _ = try builder.seal(into: &tape.bytes)
        var bytes = 0
        benchmark.startMeasurement()
        var reader = try TapeSegmentReader(tape)
        while let record = try reader.next() { bytes += record.body.count }
        benchmark.stopMeasurement()
        blackHole(bytes)
    }

    // Every point of a random walk is an entry; a label looks at 25 points on average.
    Benchmark("triple-barrier labels") { benchmark in
        let limits = BarrierLimits(
            profitTarget: Rate(0.0005), stopLoss: Rate(0.0005), maximumHoldingNanoseconds: 1_000)
        var price: Int64 = 6_000_000
        let prices = z(Market.size + 1_000).map { step -> Price in
            price += Int64((step * 600).rounded())
            return Price(price)
        }
        var labels = 0
        benchmark.startMeasurement()
        for entry in 0..<Market.size {
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
        benchmark.stopMeasurement()
        blackHole(labels)
    }

    Benchmark("backtest") { benchmark in
        var backtest = try market.backtest()
        let levels = market.batch.levels
        benchmark.startMeasurement()
        for event in market.batch.events { backtest.process(event, levels: levels.span) }
        backtest.finish()
        benchmark.stopMeasurement()
        blackHole(backtest.trades.count)
    }

    Benchmark("backtest + features + detectors") { benchmark in
        var backtest = try market.backtest()
        var engine = market.engine
        var bank = try market.bank()
        var signals: [Signal] = []
        let levels = market.batch.levels
        benchmark.startMeasurement()
        for event in market.batch.events {
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
        backtest.finish()
        benchmark.stopMeasurement()
        blackHole(backtest.trades.count)
    }
}
