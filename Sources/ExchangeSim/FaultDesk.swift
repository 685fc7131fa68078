import Runtime
import Foundation
import Logging
import Microstructure
import Simulation
import Transport

/// Does what a fault plan decides: to messages on their way to a client, to connections, to requests and to the clock.
final class FaultDesk {
    private(set) var plan: FaultPlan
    private let log: TruthLog?
    private let logger: Logger
    private let loop: EventLoop
    private let start = HostClock.monotonicNanoseconds
    weak var simulator: ExchangeSimulator?

    /// Streams that say nothing until a moment of the monotonic clock.
    private var mutes: [(symbol: String?, channel: StreamKind?, until: Int64)] = []
    /// 418 is answered until then.
    private var bannedUntil: Int64 = 0
    /// Connections end at this age, in ns.
    private var connectionLife: (strike: FaultPlan.Strike, nanoseconds: Int64)?
    private var clockStep: Int64 = 0
    private var drift: (ppm: Double, since: Int64) = (0, 0)
    /// Answers that will not be given.
    private var unanswered: [ObjectIdentifier: HTTPResponder] = [:]

    init(_ plan: FaultPlan, log: TruthLog?, loop: EventLoop, logger: Logger) {
        self.plan = plan
        self.log = log
        self.loop = loop
        self.logger = logger
    }

    // MARK: Control

    /// Asks for a fault by hand; its number, or `nil` where too many wait already.
    func arm(_ fault: Fault) -> Int? { plan.arm(fault) }

    // MARK: The clock

    /// By how much the venue's clock is wrong, in ms.
    func clockShift(at now: Int64) -> Int64 {
        clockStep + Int64(drift.ppm * Double(now - drift.since) / 1e6 / 1e6)
    }

    private func setDrift(_ ppm: Double, at now: Int64) {
        clockStep = clockShift(at: now)
        drift = (ppm, now)
    }

    // MARK: Time

    /// Until the next moment of the plan, in ns.
    func wait(from now: Int64) -> Int64 {
        guard let next = plan.nextMoment else { return .max }
        return max(0, start + next - now)
    }

    /// Does what is due to streams, connections and the clock.
    func advance(to now: Int64) {
        mutes.removeAll { $0.until <= now }
        for strike in plan.advance(to: now - start) { perform(strike, at: now) }
        if let connectionLife, let simulator {
            for client in simulator.openClients where now - client.openedAt >= connectionLife.nanoseconds {
                note(connectionLife.strike, symbol: nil)
                client.leave(code: 1008, reason: "24 hours are over")
            }
        }
        log?.flush()
    }

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
            let prefix = fault.symbol.map { $0.lowercased() + "@" }
            guard
                let client = simulator?.openClients.first(where: { client in
                    !client.isSilent && !client.isLeaving && (prefix.map { client.follows($0) } ?? true)
                })
            else { return plan.putBack(strike) }
            perform(strike, on: client, at: now)
        }
    }

    private func perform(_ strike: FaultPlan.Strike, on client: SimulatedClient, at now: Int64) {
        note(strike, symbol: strike.fault.symbol)
        let milliseconds = Int(strike.fault.seconds * 1_000)
        switch strike.fault.kind {
        case .reset: client.reset()
        case .halfOpen:
            client.fallSilent()
            loop.schedule(afterMilliseconds: milliseconds) { [weak client] in client?.reset() }
        case .close: client.leave(code: UInt16(clamping: strike.fault.code), reason: "a fault was planned")
        case .shutdown:
            client.announceShutdown(at: (simulator?.serverTime(at: now) ?? 0) + clockShift(at: now))
            loop.schedule(afterMilliseconds: milliseconds) { [weak client] in
                client?.leave(code: 1001, reason: "the server shuts down")
            }
        default: break
        }
    }

    // MARK: Messages

    /// Sends a frame to one client, or does to it what the plan says.
    func deliver(_ frame: MarketFrame, of feed: MarketFeed, to client: SimulatedClient, at now: Int64) {
        guard !client.isSilent else { return }
        let symbol = feed.market.listing.symbol
        if mutes.contains(where: { ($0.symbol ?? symbol) == symbol && ($0.channel ?? frame.kind) == frame.kind }) {
            return
        }
        let frame = FrameEdit.times(
            of: frame, movedByMilliseconds: clockShift(at: now), inMicroseconds: client.isInMicroseconds)
        let late = client.heldBack.removeValue(forKey: frame.stream)
        defer { if let late { client.send(late) } }
        if let left = client.drops[frame.stream] {
            client.drops[frame.stream] = left > 1 ? left - 1 : nil
            return
        }
        // What another message was held back for stays whole: one fault at a time.
        guard late == nil, frame.kind != .other,
            let strike = plan.strike(symbol: symbol, channel: frame.kind)
        else { return client.send(frame) }
        if enact(strike, frame, feed, client) {
            note(strike, symbol: symbol, channel: frame.kind)
        } else {
            plan.putBack(strike)
            client.send(frame)
        }
    }

    /// `false` where the fault cannot be done to this frame.
    private func enact(
        _ strike: FaultPlan.Strike, _ frame: MarketFrame, _ feed: MarketFeed, _ client: SimulatedClient
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
        case .hole: altered = FrameEdit.hole(in: frame, ids: Int64(fault.count))
        case .malformed: altered = FrameEdit.malformed(frame, share: 0.6)
        case .oversized: altered = FrameEdit.oversized(frame, bytes: fault.bytes)
        case .misfit: altered = FrameEdit.misfit(frame)
        case .crossed: altered = feed.truth?.bestAsk.flatMap { FrameEdit.crossed(frame, ask: $0) }
        default: break
        }
        guard let altered else { return false }
        client.send(altered)
        return true
    }

    // MARK: Requests

    /// Answers a request instead of the desk where the plan says so; `true` if it did, or will.
    func intercept(_ request: ServerRequest, _ responder: HTTPResponder, at now: Int64) -> Bool {
        if bannedUntil > now {
            refuse(responder, 418, -1003, seconds: Double(bannedUntil - now) / 1e9)
            return true
        }
        let symbol = request.query("symbol")
        guard let strike = plan.strike(path: request.path, symbol: symbol) else { return false }
        let fault = strike.fault
        switch fault.kind {
        case .rateLimit: refuse(responder, 429, -1003, seconds: fault.seconds)
        case .ban:
            bannedUntil = now + Int64(fault.seconds * 1e9)
            refuse(responder, 418, -1003, seconds: fault.seconds)
        case .serverError:
            respond(responder, fault.status, #"{"code":-1001,"msg":"Internal error; unable to process your request."}"#)
        case .timeout:
            let key = ObjectIdentifier(responder)
            unanswered[key] = responder
            loop.schedule(afterMilliseconds: Int(fault.seconds * 1_000)) { [weak self] in
                self?.unanswered.removeValue(forKey: key)?.drop()
            }
        case .staleSnapshot:
            guard let body = symbol.flatMap({ simulator?.feed(of: $0)?.staleSnapshot() }) else {
                plan.putBack(strike)
                return false
            }
            responder.respond(status: 200, headers: [("Content-Type", "application/json;charset=UTF-8")], body: body)
        case .slowBody:
            guard let body = simulator?.answer(request) else {
                plan.putBack(strike)
                return false
            }
            responder.begin(
                status: 200, headers: [("Content-Type", "application/json;charset=UTF-8")], contentLength: body.count)
            trickle(body[...], responder, everyMilliseconds: Int(fault.seconds * 100), pieceBytes: body.count / 10 + 1)
        default: return false
        }
        note(strike, symbol: symbol)
        return true
    }

    private func refuse(_ responder: HTTPResponder, _ status: Int, _ code: Int, seconds: Double) {
        respond(
            responder, status, #"{"code":\#(code),"msg":"Way too much request weight used."}"#,
            [("Retry-After", "\(max(1, Int(seconds.rounded(.up))))")])
    }

    private func respond(
        _ responder: HTTPResponder, _ status: Int, _ body: String, _ headers: [(name: String, value: String)] = []
    ) {
        responder.respond(
            status: status, headers: [("Content-Type", "application/json;charset=UTF-8")] + headers, text: body)
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
