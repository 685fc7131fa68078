import Runtime
import Foundation
import Logging
import Microstructure
import Simulation
import Transport

/// Applies a fault plan's decisions to messages, connections, requests and the venue's clock.
final class FaultInjector {
    private(set) var plan: FaultPlan
    private let log: TruthLog?
    private let logger: Logger
    private let loop: EventLoop
    private let start = HostClock.monotonicNanoseconds
    private let dialect: any VenueDialect
    private let api: any VenueAPI
    weak var exchange: ExchangeSimulator?

    /// Streams muted until a time of the monotonic clock.
    private var mutes: [(symbol: String?, channel: StreamKind?, until: Int64)] = []
    /// All requests are refused until this time.
    private var bannedUntil: Int64 = 0
    /// Connections end at this age, in ns.
    private var connectionLife: (strike: FaultPlan.Strike, nanoseconds: Int64)?
    private var clockStep: Int64 = 0
    private var drift: (ppm: Double, since: Int64) = (0, 0)
    /// Requests that get no answer, by responder.
    private var unanswered: [ObjectIdentifier: HTTPResponder] = [:]

    init(
        _ plan: FaultPlan, dialect: any VenueDialect, api: any VenueAPI, log: TruthLog?, loop: EventLoop, logger: Logger
    ) {
        self.plan = plan
        self.dialect = dialect
        self.api = api
        self.log = log
        self.loop = loop
        self.logger = logger
    }

    // MARK: Control

    /// Requests a fault manually; returns its number, or `nil` if too many are waiting.
    func arm(_ fault: Fault) -> Int? { plan.arm(fault) }

    // MARK: The clock

    /// The error of the venue's clock, in ms.
    func clockShift(at now: Int64) -> Int64 {
        clockStep + Int64(drift.ppm * Double(now - drift.since) / 1e6 / 1e6)
    }

    private func setDrift(_ ppm: Double, at now: Int64) {
        clockStep = clockShift(at: now)
        drift = (ppm, now)
    }

    // MARK: Time

    /// Time until the plan's next moment, in ns.
    func wait(from now: Int64) -> Int64 {
        guard let next = plan.nextMoment else { return .max }
        return max(0, start + next - now)
    }

    /// Carries out the due faults of streams, connections and the clock.
    func advance(to now: Int64) {
        mutes.removeAll { $0.until <= now }
        for strike in plan.advance(to: now - start) { perform(strike, at: now) }
        if let connectionLife, let exchange {
            for client in exchange.openClients where now - client.openedAt >= connectionLife.nanoseconds {
                note(connectionLife.strike, symbol: nil)
                client.leave(code: 1008, reason: "24 hours are over")
            }
        }
    }

    /// Writes what the log holds. Before the frames of a round leave, so that nobody has a book that the file lacks.
    func flush() { log?.flush() }

    private func perform(_ strike: FaultPlan.Strike, at now: Int64) {
        let fault = strike.fault
        switch fault.kind {
        case .mute:
            mutes.append((fault.symbol, fault.channel, now + Int64(fault.seconds * 1e9)))
            note(strike, symbol: fault.symbol, channel: fault.channel)
        case .clockStep:
            clockStep += Int64(fault.milliseconds)
            note(strike, symbol: nil)
        case .clockDrift:
            setDrift(fault.ppm, at: now)
            note(strike, symbol: nil)
        case .cut:
            connectionLife = (strike, Int64(fault.seconds * 1e9))
        default:
            guard
                let client = exchange?.openClients.first(where: { client in
                    !client.isSilent && !client.isUnheard && !client.isLeaving
                        && (fault.symbol.map { follows(client, symbol: $0) } ?? true)
                })
            else { return plan.putBack(strike) }
            perform(strike, on: client, at: now)
        }
    }

    private func follows(_ client: SimulatedClient, symbol: String) -> Bool {
        client.streams.contains { dialect.symbol(ofStream: $0) == symbol }
    }

    private func perform(_ strike: FaultPlan.Strike, on client: SimulatedClient, at now: Int64) {
        note(strike, symbol: strike.fault.symbol)
        let milliseconds = Int(strike.fault.seconds * 1_000)
        switch strike.fault.kind {
        case .reset: client.reset()
        case .halfOpen:
            client.fallSilent()
            loop.schedule(afterMilliseconds: milliseconds) { [weak client] in client?.reset() }
        case .deaf:
            client.ceaseToHear()
            loop.schedule(afterMilliseconds: milliseconds) { [weak client] in client?.reset() }
        case .close: client.leave(code: UInt16(clamping: strike.fault.code), reason: "a fault was planned")
        case .shutdown:
            let time = (exchange?.serverTime(at: now) ?? 0) + clockShift(at: now)
            if let notice = client.venue.shutdownNotice(atMilliseconds: time) { client.send(notice) }
            loop.schedule(afterMilliseconds: milliseconds) { [weak client] in
                client?.leave(code: 1001, reason: "the server shuts down")
            }
        default: break
        }
    }

    // MARK: Messages

    /// Sends a frame to one client, applying the plan's fault if there is one.
    func deliver(_ frame: MarketFrame, of feed: MarketFeed, to client: SimulatedClient, at now: Int64) {
        guard !client.isSilent, !client.isUnheard else { return }
        let symbol = feed.market.listing.symbol
        if mutes.contains(where: { ($0.symbol ?? symbol) == symbol && ($0.channel ?? frame.kind) == frame.kind }) {
            return
        }
        let frame = client.venue.adapted(frame, clockShiftMilliseconds: clockShift(at: now))
        let late = client.heldBack.removeValue(forKey: frame.stream)
        defer { if let late { client.send(late) } }
        if let left = client.drops[frame.stream] {
            client.drops[frame.stream] = left > 1 ? left - 1 : nil
            return
        }
        // Leave the message after a held-back message intact: one fault at a time.
        guard late == nil, frame.kind != .other,
            let strike = plan.strike(symbol: symbol, channel: frame.kind)
        else { return client.send(frame) }
        if perform(strike, on: frame, feed, client) {
            note(strike, symbol: symbol, channel: frame.kind)
        } else {
            plan.putBack(strike)
            client.send(frame)
        }
    }

    /// Returns `false` if the fault is impossible with this frame.
    private func perform(
        _ strike: FaultPlan.Strike, on frame: MarketFrame, _ feed: MarketFeed, _ client: SimulatedClient
    ) -> Bool {
        let fault = strike.fault
        var altered: MarketFrame?
        switch fault.kind {
        case .drop:
            if fault.count > 1 { client.drops[frame.stream] = fault.count - 1 }
            return true
        case .duplicate:
            client.send(frame)
            client.send(frame)
            return true
        case .reorder:
            client.heldBack[frame.stream] = frame
            return true
        case .delay:
            loop.schedule(afterMilliseconds: max(0, fault.milliseconds)) { [weak client] in client?.send(frame) }
            return true
        case .badChecksum, .zeroChecksum, .restart: altered = client.venue.frame(frame, with: fault, of: feed)
        case .hole:
            altered =
                client.venue.frame(frame, with: fault, of: feed)
                ?? dialect.skippingIDs(Int64(fault.count), in: frame)
        case .malformed: altered = frame.truncated(toShare: 0.6)
        case .oversized: altered = dialect.padded(frame, toBytes: fault.bytes)
        case .misfit: altered = dialect.withExcessDecimals(frame)
        case .crossed:
            altered =
                client.venue.frame(frame, with: fault, of: feed)
                ?? feed.truth?.bestAsk.flatMap { dialect.crossed(frame, ask: $0) }
        default: break
        }
        guard let altered else { return false }
        client.send(altered)
        return true
    }

    /// Whether a fault delays the book that begins the client's subscription: it is sent when the delay is over.
    func delays(bookOf feed: MarketFeed, for client: SimulatedClient) -> Bool {
        let symbol = feed.market.listing.symbol
        guard let strike = plan.strike(snapshotOf: symbol) else { return false }
        note(strike, symbol: symbol)
        loop.schedule(afterMilliseconds: max(0, strike.fault.milliseconds)) { [weak client] in
            client?.sendBookNow(of: feed)
        }
        return true
    }

    // MARK: Requests

    /// If the plan has a fault for a request, answers it in place of the venue's API; returns whether it did, or will.
    func intercept(_ request: ServerRequest, _ responder: HTTPResponder, at now: Int64) -> Bool {
        if bannedUntil > now {
            api.answer(to: Fault(.ban), seconds: Double(bannedUntil - now) / 1e9).respond(responder)
            return true
        }
        let symbol = api.symbol(in: request)
        guard let strike = plan.strike(path: request.path, isForBook: api.isForBook(request), symbol: symbol) else {
            return false
        }
        let fault = strike.fault
        switch fault.kind {
        case .rateLimit, .serverError: api.answer(to: fault, seconds: fault.seconds).respond(responder)
        case .ban:
            bannedUntil = now + Int64(fault.seconds * 1e9)
            api.answer(to: fault, seconds: fault.seconds).respond(responder)
        case .timeout:
            let key = ObjectIdentifier(responder)
            unanswered[key] = responder
            loop.schedule(afterMilliseconds: Int(fault.seconds * 1_000)) { [weak self] in
                self?.unanswered.removeValue(forKey: key)?.drop()
            }
        case .staleSnapshot:
            guard let body = symbol.flatMap({ exchange?.feed(of: $0)?.staleSnapshot() }) else {
                plan.putBack(strike)
                return false
            }
            api.answer(withBook: body).respond(responder)
        case .slowBody:
            guard let answer = exchange.map({ api.answer(request, by: $0, at: now) }), answer.status == 200 else {
                plan.putBack(strike)
                return false
            }
            responder.begin(status: 200, headers: answer.headers, contentLength: answer.body.count)
            trickle(
                answer.body[...], responder, everyMilliseconds: Int(fault.seconds * 100),
                pieceBytes: answer.body.count / 10 + 1)
        default: return false
        }
        note(strike, symbol: symbol)
        return true
    }

    private func trickle(_ body: ArraySlice<UInt8>, _ responder: HTTPResponder, everyMilliseconds: Int, pieceBytes: Int)
    {
        responder.write(Array(body.prefix(pieceBytes)))
        let rest = body.dropFirst(pieceBytes)
        guard !rest.isEmpty else { return }
        loop.schedule(afterMilliseconds: everyMilliseconds) { [weak self] in
            self?.trickle(rest, responder, everyMilliseconds: everyMilliseconds, pieceBytes: pieceBytes)
        }
    }

    // MARK: Accounts

    func note(_ record: TruthBook.Record, of symbol: String) { log?.write(record, of: symbol) }
    func note(trade id: Int64, of symbol: String) { log?.write(trade: id, of: symbol) }
    func note(_ event: PlantedEvent, from times: ClosedRange<Timestamp>, of symbol: String) {
        log?.write(event, from: times, of: symbol)
    }

    private func note(_ strike: FaultPlan.Strike, symbol: String?, channel: StreamKind? = nil) {
        log?.write(strike, symbol: symbol, channel: channel)
        logger.debug("fault", metadata: ["number": "\(strike.number)", "kind": "\(strike.fault.kind.rawValue)"])
    }
}
