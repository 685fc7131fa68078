import Bus
import Runtime
import Synchronization
import Wire

/// The latest Status of each symbol's feed.
final class FeedBoard: Sendable {
    /// Most symbols kept; further ones are ignored.
    static let symbolLimit = 10_000

    struct Entry: Sendable {
        let venue: String
        let symbol: String
        let producer: String
        let status: ProtoStatus
        /// When the Status arrived, on the monotonic clock.
        let moment: Int64

        func ageSeconds(at now: Int64) -> Double { (Double(now - moment) / 1e8).rounded() / 10 }

        /// Whether a Status has arrived within the last ten seconds. An older one says nothing about the feed now.
        private func isRecent(at now: Int64) -> Bool { ageSeconds(at: now) <= UpstreamReader.silenceLimitSeconds }

        /// VALID, RESYNCING or STALE; also STALE after ten seconds without a Status.
        func validity(at now: Int64) -> String { isRecent(at: now) ? status.validity.name : "STALE" }

        /// Whether `ingest` has a connection to the venue; `false` after ten seconds without a Status.
        func isUp(at now: Int64) -> Bool { isRecent(at: now) && status.feedUp }
    }

    private let entries = Mutex<[String: Entry]>([:])

    /// Takes a message of a tick topic; ignores everything but a Status.
    func receive(_ envelope: ProtoEnvelope, on topic: Topic) {
        guard case .status(let status) = envelope.payload else { return }
        let entry = Entry(
            venue: topic.venue, symbol: topic.symbol, producer: envelope.producer,
            status: status, moment: HostClock.monotonicNanoseconds)
        entries.withLock { entries in
            guard entries[topic.market] != nil || entries.count < Self.symbolLimit else { return }
            entries[topic.market] = entry
        }
    }

    func entry(venue: String, symbol: String) -> Entry? { entries.withLock { $0["\(venue).\(symbol)"] } }

    /// All feeds, ordered by venue and symbol.
    var all: [Entry] {
        entries.withLock { $0.values.sorted { ($0.venue, $0.symbol) < ($1.venue, $1.symbol) } }
    }
}
