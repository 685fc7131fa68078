import Foundation
import NIOCore
import Wire

/// A stored signal: its JSON, written once, and its position in arrival order.
final class StoredSignal: Sendable {
    /// Position in arrival order, from 1, without gaps.
    let position: UInt64
    let id: String
    /// The `SignalDocument` as compact JSON.
    let json: ByteBuffer

    init(position: UInt64, id: String, json: ByteBuffer) {
        self.position = position
        self.id = id
        self.json = json
    }

    var document: SignalDocument {
        get throws { try JSONDecoder().decode(SignalDocument.self, from: Data(json.readableBytesView)) }
    }
}

/// A client's query of signals. An absent condition matches every signal.
struct SignalQuery: Sendable, Equatable {
    static let limitRange = 1...1_000

    var market = MarketFilter()
    var type: String?
    /// Bounds of the timestamp, inclusive, seconds since 1970.
    var since: Double?
    var until: Double?
    /// The least score, 0 to 1.
    var minScore: Double?
    /// Most signals returned, in `limitRange`.
    var limit = 100
    /// Only signals that arrived before the one at this position: the next page.
    var before: UInt64?
}

/// One page of an answer.
struct SignalPage: Sendable {
    /// Newest arrival first.
    let signals: [StoredSignal]
    /// Whether further signals match.
    let hasMore: Bool
}

/// The signals that a reconnecting client of the live stream has missed.
struct SignalBacklog: Sendable {
    /// Most signals in a backlog; a longer one is cut to the newest and is not complete.
    static let limit = 10_000

    /// Oldest first.
    let signals: [StoredSignal]
    /// `false` if the last signal that the client saw is no longer held or is too old: signals may be missing before
    /// the first.
    let isComplete: Bool
    /// The newest position at the time of the read: later signals arrive live.
    let end: UInt64
}

/// A signal to be stored.
struct NewSignal: Sendable {
    /// The extra data of a posted signal, besides the document.
    struct Post: Sendable {
        /// The message for the detector's log.
        let message: ProtoSignal
        let key: IdempotencyKey?
        /// The document's JSON, if already written.
        var json: ByteBuffer?
    }

    let document: SignalDocument
    /// `nil` for a signal from the bus.
    var post: Post?
}

/// The header Idempotency-Key with a fingerprint of the body: the same key with another body is a client error.
struct IdempotencyKey: Sendable, Equatable {
    /// Most bytes of a key, which is printable ASCII.
    static let lengthLimit = 255
    /// How long a key is remembered.
    static let memorySeconds = 86_400.0
    /// Most keys remembered; the oldest are dropped first.
    static let countLimit = 1_000_000

    let key: String
    /// Fingerprint of the body.
    let fingerprint: String
}

/// A query took too long and was interrupted.
struct StoreBusy: Error {}

/// The outcome of storing a signal.
enum Insertion: Sendable {
    case stored(StoredSignal)
    /// A signal with the same id, or the same idempotency key and body, is already held.
    case known(StoredSignal)
    /// The idempotency key was used before with another body.
    case conflict
}

/// Keeps signals. There is one writer, `SignalIntake`; anyone may read at any time.
protocol SignalRepository: Sendable {
    /// Appends signals in order, with each log's position after them, in one commit. If one of them was posted, the
    /// commit is on disk on return. Blocks.
    func insert(_ signals: [NewSignal], positions: [UInt64: UInt64]) throws -> [Insertion]
    /// The position up to which each log's signals are held.
    var positions: [UInt64: UInt64] { get throws }
    /// Posted signals that no log has taken yet, oldest first, at most `limit`. Blocks.
    func unlogged(limit: Int) throws -> [(position: UInt64, signal: ProtoSignal)]
    /// Marks these signals as taken by a log. Blocks.
    func markLogged(_ positions: [UInt64]) throws
    /// Deletes what retention no longer keeps. Blocks.
    func prune() throws -> Int
    /// Signals held now. O(1).
    var count: Int { get }
    /// The newest signal of each market, of at most `limit` markets. Blocks.
    func latest(limit: Int) throws -> [StoredSignal]
    func signal(id: String) async throws -> StoredSignal?
    func signals(matching query: SignalQuery) async throws -> SignalPage
    /// Signals of these markets after the signal `id`, or all held ones if `id` is unknown, up to `SignalBacklog.limit`.
    func backlog(after id: String, of market: MarketFilter) async throws -> SignalBacklog
}
