import Foundation
import Logging
import Microstructure
import Transport
import Venues
import ZeroMQ

/// One `ingest` process from start to end: learn the instruments, wait for listeners, run the feed, drain.
struct IngestStage {
    private let configuration: IngestConfiguration
    private let runtime: ServiceRuntime

    init(_ configuration: IngestConfiguration, _ runtime: ServiceRuntime) {
        self.configuration = configuration
        self.runtime = runtime
    }

    func run(until stop: StopSignal) throws {
        let context = try Context()
        var publisher = try Publisher(
            configuration.publish, in: context, producer: "ingest-\(configuration.symbols.joined(separator: "+"))",
            epoch: runtime.epoch, kind: .tick)
        let loop = try EventLoop()
        stop.onRequest { [wake = loop.wake] in wake.wake() }
        let http = try HTTPClient()
        defer { http.shutdown() }

        let rest = VenueREST(configuration, http: http)
        guard let instruments = try loadInstruments(rest, loop, stop) else { return }
        guard try waitForSubscriptions(&publisher, loop, stop) else { return }

        var venue = BinanceConfiguration(instruments: instruments)
        venue.depthPublished = configuration.depth
        venue.snapshotDepth = configuration.snapshotDepth
        let feed = LiveFeed(
            session: try BinanceSession(venue),
            output: MarketPublisher(publisher, instruments: instruments, epoch: runtime.epoch),
            configuration: configuration, rest: rest, loop: loop, logger: runtime.logger, health: runtime.health)
        feed.start()
        while !stop.isRequested, feed.failure == nil {
            loop.runOnce(timeoutMilliseconds: 1_000)
            feed.receiveAnswers()
        }
        try feed.finish()
    }

    /// Asks the venue for the symbols' scales until it answers. `nil` when told to stop; throws when the venue says
    /// that a symbol does not exist, since waiting cannot mend that.
    private func loadInstruments(
        _ rest: VenueREST, _ loop: EventLoop, _ stop: StopSignal
    ) throws -> [Instrument]? {
        var backoff = Backoff(
            firstSeconds: configuration.reconnectDelaySeconds, longestSeconds: configuration.maxReconnectDelaySeconds)
        let inbox = Inbox<Result<[Instrument], RESTFailure>>(waking: loop.wake)
        while !stop.isRequested {
            rest.instruments { inbox.put($0) }
            var answer: Result<[Instrument], RESTFailure>?
            while answer == nil, !stop.isRequested {
                runtime.health.beat("feed", isReady: false, detail: "learning the instruments")
                loop.runOnce(timeoutMilliseconds: 1_000)
                answer = inbox.takeAll().first
            }
            switch answer {
            case .success(let instruments): return instruments
            case .failure(let failure) where failure.isPermanent: throw failure
            case .failure(let failure):
                let delay = max(backoff.next(), failure.retryAfterSeconds ?? 0)
                runtime.logger.warning(
                    "exchange information unavailable",
                    metadata: ["error": "\(failure)", "retry_seconds": "\(delay)"])
                wait(seconds: delay, loop, stop)
            case nil: break
            }
        }
        return nil
    }

    private func waitForSubscriptions(
        _ publisher: inout Publisher, _ loop: EventLoop, _ stop: StopSignal
    ) throws -> Bool {
        try publisher.countSubscriptions()
        if configuration.waitSubscriptions > publisher.subscriptions {
            runtime.logger.info("waiting for subscriptions", metadata: ["wanted": "\(configuration.waitSubscriptions)"])
        }
        while publisher.subscriptions < configuration.waitSubscriptions, !stop.isRequested {
            runtime.health.beat("feed", isReady: false, detail: "waiting for subscriptions")
            loop.runOnce(timeoutMilliseconds: 20)
            try publisher.countSubscriptions()
        }
        return !stop.isRequested
    }

    private func wait(seconds: Double, _ loop: EventLoop, _ stop: StopSignal) {
        let end = Clock.monotonicNanoseconds + Int64(seconds * 1e9)
        while !stop.isRequested, Clock.monotonicNanoseconds < end {
            runtime.health.beat("feed", isReady: false, detail: "learning the instruments")
            loop.runOnce(timeoutMilliseconds: 200)
        }
    }
}
