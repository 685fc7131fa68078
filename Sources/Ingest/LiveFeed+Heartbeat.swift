import Runtime
import Foundation
import Microstructure
import Venues
import Wire
import ZeroMQ

/// Interval of requests for the venue's time; the first samples come faster.
private let clockSeconds = 5
/// After a tick later than this, the process was stalled: the sockets hold unread messages, so silence cannot be
/// judged.
private let lateNanoseconds: Int64 = 1_500_000_000
/// Within a tick the wall clock and monotonic clock differ by less than this, unless the wall clock was set.
private let clockStepNanoseconds: Int64 = 250_000_000

/// The work of each second: publish the feed's status, check for silence, sometimes request the venue's time.
extension LiveFeed where Session: ~Copyable {
    func tick() {
        guard !isFinishing else { return }
        let now = HostClock.monotonicNanoseconds
        let isLate = now - lastTick > lateNanoseconds
        followClock(from: lastTick, to: now)
        lastTick = now
        if !isLate {
            links.tick(at: now)
            checkSilence(at: now)
        }
        attempt {
            try publishStatuses(part: 0)
            try output.countSubscriptions()
        }
        for part in stride(from: 1, to: statusParts, by: 1) {
            loop.schedule(afterMilliseconds: part * 1_000 / statusParts) { [weak self] in
                guard let self, !isFinishing else { return }
                attempt { try self.publishStatuses(part: part) }
            }
        }
        if now >= nextClockSample {
            sampleClock()
            clockSamples += 1
            nextClockSample =
                now + Int64(clockSamples < VenueClock.firstSamples ? 1 : clockSeconds) * 1_000_000_000
                - 100_000_000
        }
        unattributed.report(session.unattributedCounts)
        budgets.report(requests, links.budget)
        followListings(at: now)
        for id in ids() { chains[id.index].settle(isValid: session.validity(of: id) == .valid) }
        let (isReady, detail) = readiness()
        health.beat("feed", isReady: isReady, detail: detail)
        loop.schedule(afterMilliseconds: 1_000) { [weak self] in self?.tick() }
    }

    /// Tells the session when this host's clock was set: silences are measured with it, since events carry its times.
    private func followClock(from last: Int64, to now: Int64) {
        let wall = HostClock.now
        let step = wall.nanoseconds(since: lastTickWall) - (now - last)
        lastTickWall = wall
        guard abs(step) > clockStepNanoseconds else { return }
        logger.warning("this host's clock was set", metadata: ["step_seconds": "\(Double(step) / 1e9)"])
        session.clockMoved(by: step)
    }

    private func checkSilence(at now: Int64) {
        let time = HostClock.now
        var hasSilence = false
        // A market that the venue has stopped sends nothing, and no other connection would change that.
        for id in ids() where listings.isTrading(id.index) {
            if session.checkSilence(of: id, at: time) {
                listings.noteSilence(of: id.index, at: now)
                feedMetrics[id.index].lost(at: now)
                logger.warning(
                    "a stream is silent beyond its limit",
                    metadata: [
                        "symbol": "\(session.instruments[id.index].symbol)",
                        "channels": "\(session.silentChannels(of: id).names.joined(separator: ","))",
                    ])
            }
            if session.wantsProbe(of: id, at: time) { probeTrades(id) }
            if !session.silentChannels(of: id).isEmpty, listings.blamesConnection(for: id.index, at: now) {
                hasSilence = true
            }
        }
        if hasSilence { links.rotateForSilence(at: now) } else { links.noteNoSilence() }
    }

    func publishStatuses() throws(ZMQError) {
        for id in ids() { try publishStatus(id) }
    }

    /// Publishing many symbols' statuses at once would delay the frames as long as many thousand frames would.
    private var statusParts: Int { (session.instruments.count + 39) / 40 }

    private func publishStatuses(part: Int) throws(ZMQError) {
        for index in stride(from: part, to: session.instruments.count, by: statusParts) {
            try publishStatus(InstrumentID(index))
        }
    }

    func publishStatus(_ id: InstrumentID) throws(ZMQError) {
        let counts = session.counts(of: id)
        let validity = session.validity(of: id)
        let now = HostClock.now
        var status = ProtoStatus(validity: validity, bookEpoch: session.epoch(of: id))
        status.receiveTimeNs = now.nanoseconds
        status.venueTimeNs = now.advanced(byNanoseconds: clock.best?.offsetNanoseconds ?? 0).nanoseconds
        status.feedUp = links.isOpen && !isFinishing
        status.tradingStatus = listings.markets[id.index].status.rawValue
        status.messageCount = counts.messages
        status.bookUpdateCount = counts.depthApplied
        status.tradeCount = counts.trades
        status.quoteCount = counts.quotes
        status.gapCount = counts.gaps
        status.resyncCount = counts.resyncs
        status.reconnectCount = links.reconnects
        status.rejectedCount = counts.rejections.total &+ counts.snapshotRejections.total
        status.missedTradeCount = counts.missedTrades
        status.duplicateTradeCount = counts.duplicateTrades
        status.lateTradeCount = counts.lateTrades
        status.backfilledTradeCount = counts.backfilledTrades
        status.unfilledTradeCount = counts.unfilledTrades
        status.missingTradeCount = UInt64(clamping: session.missingTrades(of: id))
        status.rotationCount = links.rotations
        status.silentChannels = session.silentChannels(of: id).names
        status.staleCount = counts.staleSilences
        status.crossedBookCount = counts.crossedBooks &+ counts.snapshotsCrossed
        status.quoteGapCount = counts.quoteGaps
        status.aggregatedTradeCount = counts.aggregatedTrades
        status.wideningCount = counts.widenings
        status.requestWeightUsed = UInt32(clamping: requests.budget.used)
        status.connectionAttempts = UInt32(clamping: links.budget.used)
        if let best = clock.best {
            status.clockOffsetNs = best.offsetNanoseconds
            status.clockErrorNs = best.errorNanoseconds
        }
        if let drift = clock.driftPPM { status.clockDriftPpm = drift }
        feedMetrics[id.index].describe(in: &status)
        try output.publish(status, of: id)
        feedMetrics[id.index].report(
            counts, isUp: links.isOpen, validity: validity, reconnects: links.reconnects, rotations: links.rotations,
            silentChannels: status.silentChannels.count, missingTrades: Int(clamping: status.missingTradeCount),
            clock: clock)
    }
}
