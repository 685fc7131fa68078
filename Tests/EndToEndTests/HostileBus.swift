@testable import Runtime
import Foundation
import Microstructure
import TestSupport
import Wire
import ZeroMQ

/// Every producer of the bus at once, as any program could play it: sound messages among hostile ones. The same seed
/// sends the same messages.
struct HostileBus: ~Copyable {
    static let symbols = ["BTCUSDT", "ETHUSDT", "SOLUSDT", "XRPUSDT", "DOGEUSDT"]
    private static let strangers = [
        "", "btcusdt", "BTC.USDT", "A|B", "\u{0}", "\u{1B}[2J", "币安人生USDT", "%2F", "../x", "{symbol}",
        String(repeating: "X", count: 33), String(repeating: "Y", count: 140), "A\u{301}", "'; DROP TABLE signal",
    ]
    private static let start: Int64 = 1_790_000_000_000_000_000

    private let ticks: Socket
    private let features: Socket
    private let signals: Socket
    /// Plays detectors towards the alerter.
    private let alerts: Socket
    /// Plays a detector's log towards the gateway and the alerter.
    private let log: Socket
    /// Plays a program that asks a real detector's log.
    private let client: Socket
    private var mutator: WireMutator
    private var message = Message()
    private var sequences: [[UInt8]: UInt64] = [:]
    private var step: Int64 = 0
    private(set) var subscriptions = 0
    /// Requests of the log that came.
    private(set) var requestCount = 0

    init(folder: URL, seed: UInt64, in context: Context) throws {
        var options = SocketOptions()
        options.sendHighWaterMark = 0
        options.lingerMilliseconds = 0
        var verbose = options
        verbose.xpubVerbose = true
        func bound(_ kind: Socket.Kind, _ name: String, _ options: SocketOptions) throws -> Socket {
            let socket = try Socket(kind, in: context, options: options)
            try socket.bind(Self.endpoint(name, folder))
            return socket
        }
        func connected(_ kind: Socket.Kind, _ name: String) throws -> Socket {
            let socket = try Socket(kind, in: context, options: options)
            try socket.connect(Self.endpoint(name, folder))
            return socket
        }
        let ticks = try bound(.xpub, "ticks", verbose)
        let features = try bound(.xpub, "features", verbose)
        let signals = try bound(.xpub, "signals", verbose)
        let log = try bound(.router, "log", options)
        let alerts = try connected(.push, "alerts")
        let client = try connected(.dealer, "replay")
        self.ticks = ticks
        self.features = features
        self.signals = signals
        self.log = log
        self.alerts = alerts
        self.client = client
        mutator = WireMutator(random: SplitMix64(testSeed: seed))
    }

    static func endpoint(_ name: String, _ folder: URL) -> String { "ipc://\(folder.path)/\(name)" }

    /// Counts the subscribers that have joined.
    mutating func countSubscriptions() throws {
        while try ticks.tryReceive(into: &message) == .received { subscriptions += 1 }
        while try features.tryReceive(into: &message) == .received { subscriptions += 1 }
        while try signals.tryReceive(into: &message) == .received { subscriptions += 1 }
    }

    /// One message of each kind, to each kind of subscriber.
    mutating func sendRound() throws {
        step += 1
        let symbol = mutator.pick(Self.symbols)
        try publish(.book(book()), "tick.binance.\(symbol).book|", on: .ticks)
        try publish(.quote(quote()), "tick.binance.\(symbol).quote|", on: .ticks)
        try publish(.trade(trade()), "tick.binance.\(symbol).trade|", on: .ticks)
        if step % 10 == 0 { try publish(.status(status()), "tick.binance.\(symbol).status|", on: .ticks) }
        try publish(.featureVector(vector()), "feature.binance.\(symbol)|", on: .features)
        if step % 50 == 0 {
            let schema = ProtoFeatureSchema(FeatureSchema())
            try publish(.featureSchema(schema), "feature.binance.\(symbol).schema|", on: .features)
        }
        try publish(.detectorState(state()), "detector.binance.\(symbol)|", on: .signals)
        let signal = signal(symbol)
        try publish(.signal(signal), "signal.binance.\(symbol).drift|", on: .signals)
        try publish(.signal(signal), "signal.binance.\(symbol).drift|", on: .alerts)
        try ask(signal)
        try answerRequests()
    }

    /// Sound messages of a market that only these name, for whoever waits to see that all before them was taken.
    mutating func sendMarker(_ symbol: String) throws {
        step += 1
        try publish(.book(book()), "tick.binance.\(symbol).book|", on: .ticks, rate: 0)
        try publish(.featureVector(vector()), "feature.binance.\(symbol)|", on: .features, rate: 0)
        try publish(.signal(signal(symbol)), "signal.binance.\(symbol).drift|", on: .signals, rate: 0)
        try publish(.signal(signal(symbol)), "signal.binance.\(symbol).drift|", on: .alerts, rate: 0)
        try answerRequests()
    }

    // MARK: Sending

    private enum Target { case ticks, features, signals, alerts }

    private mutating func publish(
        _ payload: ProtoEnvelope.OneOf_Payload, _ topic: String, on target: Target, rate fixedRate: Double? = nil
    ) throws {
        let rate = fixedRate ?? mutator.pick([0, 0, 0.05, 0.05, 0.3, 1])
        var topic = Array(topic.utf8)
        var envelope = ProtoEnvelope()
        envelope.producer = "hostile"
        envelope.epoch = 1
        envelope.sentTimeNs = Self.start
        envelope.payload = payload
        let isStranger = fixedRate == nil && mutator.chance(0.03)
        if isStranger {
            let kind = mutator.pick(["tick", "feature", "signal", "detector"])
            let detail = mutator.pick(["", ".book", ".status", ".drift", ".schema", ".x"])
            topic = Array(
                "\(kind).\(mutator.pick(["binance", "x", "A B"])).\(mutator.pick(Self.strangers))\(detail)|".utf8)
            envelope.epoch = mutator.pick([0, 1, .max])
        }
        // Now and then messages are lost.
        let sequence = sequences[topic, default: 0] + (mutator.chance(0.01) ? 3 : 1)
        sequences[topic] = sequence
        envelope.sequence = isStranger ? mutator.pick([0, 1, sequence, .max]) : sequence
        let sound = EnvelopeCodec.encode(envelope)
        let body = rate == 0 ? sound : mutator.mutate(sound, rate: rate, isEnvelope: !isStranger)
        var frames = [topic, body]
        if fixedRate == nil, mutator.chance(0.01) {
            frames = mutator.pick([[topic], [topic, [], body], [topic, [0xFF]]])
        }
        switch target {
        case .ticks: _ = try ticks.offer(frames)
        case .features: _ = try features.offer(frames)
        case .signals: _ = try signals.offer(frames)
        case .alerts: _ = try alerts.offer(frames)
        }
    }

    private mutating func ask(_ signal: ProtoSignal) throws {
        var request = ProtoLogRequest()
        request.requestID = UInt64(step)
        if mutator.chance(0.5) {
            request.append.signals = [signal]
        } else {
            request.replay.logID = mutator.pick([0, 1, .max])
            request.replay.since = mutator.pick([0, 1, 1 << 63, .max])
            request.replay.limit = mutator.pick([0, 1, .max])
        }
        let bytes: [UInt8] = try request.serializedBytes()
        _ = try client.offer([mutator.mutate(bytes, rate: mutator.pick([0, 0.1, 0.5]))])
        while try client.tryReceive(into: &message) == .received {}
    }

    private mutating func answerRequests() throws {
        while try log.tryReceive(into: &message) == .received {
            guard message.frameCount == 2, let request = try? ProtoLogRequest(serializedBytes: message.frame(1)) else {
                continue
            }
            requestCount += 1
            var response = ProtoLogResponse()
            response.requestID = request.requestID
            response.logID = 77
            response.firstSequence = mutator.pick([1, 1, 0, 1 << 63, .max])
            response.lastSequence = mutator.pick([UInt64(step), 0, 1 << 63, .max])
            response.signals = (0..<3).map { _ in signal(mutator.pick(Self.symbols)) }
            let bytes: [UInt8] = try response.serializedBytes()
            _ = try log.offer([message.frame(0), mutator.mutate(bytes, rate: mutator.pick([0, 0.02, 0.2]))])
        }
    }

    // MARK: Sound messages

    private var time: Int64 { Self.start + step * 10_000_000 }

    private mutating func book() -> ProtoBook {
        var book = ProtoBook()
        let middle = 6_000_000 + Int64.random(in: -50...50, using: &mutator.random)
        for level in 0..<Int64(20) {
            book.bidPrices.append(middle - 1 - level)
            book.askPrices.append(middle + 1 + level)
            book.bidQuantities.append(100 + level)
            book.askQuantities.append(200 + level)
        }
        (book.priceExponent, book.quantityExponent) = (-2, -5)
        (book.receiveTimeNs, book.venueTimeNs) = (time, time - 1_000_000)
        (book.bookEpoch, book.validity, book.updateID, book.tickSize) = (1, .valid, step, 1)
        return book
    }

    private mutating func quote() -> ProtoQuote {
        var quote = ProtoQuote()
        quote.bidPrice = 6_000_000 + Int64.random(in: -50...0, using: &mutator.random)
        (quote.bidQuantity, quote.askPrice, quote.askQuantity) = (100, 6_000_001, 200)
        (quote.priceExponent, quote.quantityExponent) = (-2, -5)
        (quote.receiveTimeNs, quote.venueTimeNs, quote.updateID) = (time + 1, time - 1_000_000, step)
        return quote
    }

    private mutating func trade() -> ProtoTrade {
        var trade = ProtoTrade()
        (trade.id, trade.price, trade.quantity) = (
            step, 6_000_000, Int64.random(in: 1...10_000, using: &mutator.random)
        )
        trade.aggressor = mutator.pick([.buy, .sell])
        (trade.priceExponent, trade.quantityExponent) = (-2, -5)
        (trade.receiveTimeNs, trade.venueTimeNs) = (time + 2, time - 1_000_000)
        return trade
    }

    private func status() -> ProtoStatus {
        var status = ProtoStatus(validity: .valid, bookEpoch: 1)
        (status.receiveTimeNs, status.venueTimeNs, status.feedUp) = (time + 3, time, true)
        (status.messageCount, status.latencyP50Ns, status.latencyP95Ns) = (UInt64(step), 5_000_000, 9_000_000)
        (status.clockOffsetNs, status.clockErrorNs, status.clockDriftPpm) = (1_000_000, 500_000, 0.5)
        status.silentChannels = ["depth"]
        return status
    }

    private mutating func vector() -> ProtoFeatureVector {
        var vector = ProtoFeatureVector()
        let schema = FeatureSchema()
        vector.schemaID = schema.id
        vector.values = schema.names.map { _ in Double.random(in: -3...3, using: &mutator.random) }
        (vector.receiveTimeNs, vector.venueTimeNs) = (time, time - 1_000_000)
        (vector.validity, vector.bookEpoch, vector.sourceEpoch, vector.clockErrorNs) = (.valid, 1, 1, 500_000)
        return vector
    }

    private func state() -> ProtoDetectorState {
        var state = ProtoDetectorState()
        var standing = ProtoDetectorStanding()
        (standing.detector, standing.metric, standing.statistic, standing.threshold) = ("cusum", "ofi", 4, 3)
        standing.share = 0.5
        var counts = ProtoCandidateCounts()
        (counts.type, counts.candidates, counts.emitted) = ("drift", 3, 1)
        (state.detectors, state.counts) = ([standing], [counts])
        (state.score, state.dynamicThreshold, state.budgetUse, state.vectorCount) = (0.5, 0.4, 1, UInt64(step))
        (state.receiveTimeNs, state.venueTimeNs, state.validity) = (time, time, .valid)
        return state
    }

    private mutating func signal(_ symbol: String) -> ProtoSignal {
        var signal = ProtoSignal()
        signal.id = "hostile-\(step)-\(UInt64.random(in: .min ... .max, using: &mutator.random))"
        (signal.venue, signal.symbol, signal.type, signal.metric) = ("binance", symbol, "drift", "ofi")
        (signal.direction, signal.score, signal.threshold, signal.probability) = (.up, 0.75, 0.5, 0.01)
        (signal.detectedTimeNs, signal.onsetTimeNs, signal.venueTimeNs) = (time, time - 1_000_000_000, time)
        var part = ProtoEvidence()
        (part.detector, part.metric, part.statistic, part.threshold, part.share) = ("cusum", "ofi", 4, 3, 0.75)
        (signal.evidence, signal.validity, signal.bookEpoch) = ([part], .valid, 1)
        if mutator.chance(0.5) {
            (signal.logID, signal.logSequence, signal.loggedTimeNs) = (mutator.pick([1, 77, .max]), UInt64(step), time)
        }
        return signal
    }
}
