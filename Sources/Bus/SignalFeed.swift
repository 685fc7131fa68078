import Runtime
import Logging
import Metrics
import Wire
import ZeroMQ

/// Follows the signals of any number of detectors without loss: it subscribes first, requests from each log the signals
/// between its position and the live ones, and drops duplicates. Source: the Clone pattern of the ØMQ guide, chapter 5.
///
/// The caller stores `positions` together with the signals, in one transaction, and passes them back after a restart.
/// Signals of one log come in log order; signals without a log come as they arrive. Lives on one thread.
package struct SignalFeed: ~Copyable {
    /// Where live signals come from.
    package enum Source: Sendable {
        /// Detectors' signal topics to connect to.
        case subscribe([Endpoint])
        /// Addresses to bind; detectors push to them.
        case pull([Endpoint])
    }

    /// Maximum number of live signals per batch, so that the caller can do other work; a replay chunk may exceed it.
    package static let batchLimit = 100
    /// How long signals wait behind a sequence gap if the log does not answer.
    static let holdNanoseconds: Int64 = 10_000_000_000
    /// Most logs followed; further addresses of a name are left out.
    static let peerLimit = 64
    /// Most logs whose order is kept; signals of further ones are handed on as they come.
    static let followerLimit = 1_024

    private let directory: EndpointDirectory
    private let context: Context
    private let logger: Logger
    private var log: RepeatedLog
    private var live: LiveSignals
    private var peers: [String: ReplayPeer] = [:]
    private var poller: Poller
    private var slots: [String: Poller.Slot] = [:]
    private var followers: [UInt64: LogFollower] = [:]
    private var holding: [UInt64: Int64] = [:]
    private let known: [UInt64: UInt64]
    private var refusals: RefusalLog
    private let replayed = Counter(label: MetricName.signalsReplayed)
    private let duplicates = Counter(label: MetricName.signalsFollowedTwice)
    private let unfilled = Counter(label: MetricName.signalsUnfilled)

    /// - Parameters:
    ///   - replay: the log services; if empty, live signals are delivered as they come, with gaps.
    ///   - positions: stored positions of a former run, by log.
    package init(
        _ source: Source, replay: [Endpoint], positions: [UInt64: UInt64], in context: Context, logger: Logger
    ) throws {
        self.context = context
        self.logger = logger
        log = RepeatedLog(logger)
        known = positions
        refusals = RefusalLog("signal refused", logger: logger)
        // First subscribe, then request, as `next` does: no signal is missed.
        var live = try LiveSignals(source, in: context, logger: logger)
        var poller = Poller(capacity: 1 + Self.peerLimit)
        try live.register(in: &poller)
        self.live = live
        self.poller = poller
        directory = EndpointDirectory(replay, logger: logger)
        unfilled.increment(by: 0)
    }

    /// Sequence of the last signal handed on, by log.
    package var positions: [UInt64: UInt64] { followers.mapValues(\.position) }

    /// Status text: live signals received, and how many logs answer.
    package var detail: String {
        let answering = peers.values.count { $0.logID != 0 && !$0.isWaiting }
        return "\(live.count) live, \(answering) of \(peers.count) logs answer"
    }

    /// The next signals in order; empty when none came for `timeoutMilliseconds`.
    package mutating func next(timeoutMilliseconds: Int) throws -> [ProtoSignal] {
        var due: [ProtoSignal] = []
        try updatePeers()
        try ask()
        // While a request is in flight, its answer ends the wait; a due request must not wait longer.
        let wait = peers.isEmpty ? timeoutMilliseconds : min(timeoutMilliseconds, 50)
        if case .ready = try poller.wait(timeoutMilliseconds: wait) {
            try takeLive(into: &due)
            try takeAnswers(into: &due)
        }
        releaseHeld(into: &due)
        return due
    }

    private mutating func updatePeers() throws {
        let addresses = directory.current
        for address in addresses.sorted() where peers[address] == nil && peers.count < Self.peerLimit {
            let peer = try ReplayPeer(address, in: context)
            slots[address] = try peer.register(in: &poller)
            peers[address] = peer
        }
        for address in peers.keys.filter({ !addresses.contains($0) }) {
            if let slot = slots.removeValue(forKey: address) { poller.remove(slot) }
            peers[address] = nil
        }
    }

    private mutating func ask() throws(ZMQError) {
        let now = HostClock.monotonicNanoseconds
        for peer in peers.values {
            let follower = followers[peer.logID]
            let position = follower?.position ?? known[peer.logID] ?? 0
            let isBehind = peer.logID != 0 && position < peer.lastSequence
            try peer.ask(from: position, isUrgent: isBehind || follower?.hasHole ?? false, at: now)
        }
    }

    private mutating func takeLive(into due: inout [ProtoSignal]) throws(ZMQError) {
        for _ in 0..<Self.batchLimit {
            guard let signal = try live.next() else { return }
            // Refused before it takes its place in the log's order: the log's own copy comes by replay.
            if isSound(signal) { receive(signal, into: &due) }
        }
    }

    /// Whether every field is as the contract says; otherwise the signal is counted as refused.
    private mutating func isSound(_ signal: ProtoSignal) -> Bool {
        do throws(WireError) {
            try signal.validate()
            return true
        } catch {
            refusals.refuse(error)
            return false
        }
    }

    private mutating func receive(_ signal: ProtoSignal, into due: inout [ProtoSignal]) {
        guard signal.logID != 0, signal.logSequence != 0, !peers.isEmpty,
            followers[signal.logID] != nil || followers.count < Self.followerLimit
        else { return due.append(signal) }
        var follower = follower(of: signal.logID)
        let before = follower.duplicates
        follower.receive(signal, into: &due)
        if follower.duplicates > before { duplicates.increment() }
        followers[signal.logID] = follower
    }

    private func follower(of log: UInt64) -> LogFollower {
        followers[log] ?? LogFollower(position: known[log] ?? 0)
    }

    private mutating func takeAnswers(into due: inout [ProtoSignal]) throws(ZMQError) {
        let now = HostClock.monotonicNanoseconds
        for (address, peer) in peers.sorted(by: { $0.key < $1.key }) {
            let former = peer.logID
            guard let (response, since) = try peer.answer(at: now) else { continue }
            guard response.error.isEmpty else {
                log.write(
                    "replay refused", kind: address, metadata: ["log": "\(address)", "error": "\(response.error)"])
                continue
            }
            if former != response.logID {
                // The answer to a request about another log only reveals the log's id; the next request uses it.
                logger.info(
                    "following a signal log",
                    metadata: [
                        "log": "\(address)", "log_id": "\(response.logID)", "last": "\(response.lastSequence)",
                        "have": "\(follower(of: response.logID).position)",
                    ])
                followers[response.logID] = follower(of: response.logID)
                continue
            }
            take(response, since: since, from: address, into: &due)
        }
    }

    private mutating func take(
        _ response: ProtoLogResponse, since: UInt64, from address: String, into due: inout [ProtoSignal]
    ) {
        var follower = follower(of: response.logID)
        defer { followers[response.logID] = follower }
        if response.lastSequence < since {
            logger.error(
                "a signal log has gone back, as one restored from a copy does; taking it from its start",
                metadata: ["log": "\(address)", "last": "\(response.lastSequence)", "have": "\(since)"])
            return follower.rewind()
        }
        let gone = follower.skip(to: response.firstSequence, into: &due)
        if gone > 0 {
            unfilled.increment(by: Int64(clamping: gone))
            logger.error(
                "signals lost: their log no longer holds them", metadata: ["log": "\(address)", "count": "\(gone)"])
        }
        let before = follower.duplicates
        var next: [ProtoSignal] = []
        for signal in response.signals { follower.receive(signal, into: &next) }
        replayed.increment(by: Int64(next.count))
        duplicates.increment(by: Int64(follower.duplicates - before))
        // The order goes on behind a signal that is refused.
        for signal in next where isSound(signal) { due.append(signal) }
    }

    /// Delivers signals held too long, without filling their sequence gap.
    private mutating func releaseHeld(into due: inout [ProtoSignal]) {
        let now = HostClock.monotonicNanoseconds
        for (log, follower) in followers.sorted(by: { $0.key < $1.key }) {
            guard follower.hasHole else {
                holding[log] = nil
                continue
            }
            let start = holding[log] ?? now
            holding[log] = start
            guard now - start > Self.holdNanoseconds else { continue }
            logger.warning("signals out of order: their log does not answer", metadata: ["log_id": "\(log)"])
            followers[log]?.release(into: &due)
            holding[log] = nil
        }
    }
}
