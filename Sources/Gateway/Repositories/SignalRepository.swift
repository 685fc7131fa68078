import Foundation
import NIOCore
import Wire

/// A signal as held: its JSON, written once, and its place in the order of arrival.
final class StoredSignal: Sendable {
    /// From 1, in the order of arrival, without holes.
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

/// Which signals a client asks for. Absent conditions let everything pass.
struct SignalQuery: Sendable, Equatable {
    static let limitRange = 1...1_000

    /// Normalised, e.g. `BTCUSDT`.
    var symbol: String?
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
    /// Further ones match.
    let hasMore: Bool
}

/// What a returning client of the live stream has missed.
struct SignalBacklog: Sendable {
    /// Most signals of a backlog; of more the newest are given, and it is not complete.
    static let limit = 10_000

    /// Oldest first.
    let signals: [StoredSignal]
    /// `false` where the last signal that the client saw is no longer held, or too long ago: some may be missing before
    /// the first.
    let isComplete: Bool
    /// The newest position when this was read: later signals come live.
    let end: UInt64
}

/// A signal to be stored.
struct NewSignal: Sendable {
    /// What a program posted, beyond the document.
    struct Post: Sendable {
        /// As the detector's log takes it.
        let message: ProtoSignal
        let key: IdempotencyKey?
        /// The document, where it is written already.
        var json: ByteBuffer?
    }

    let document: SignalDocument
    /// `nil` for a signal from the bus.
    var post: Post?
}

/// The header Idempotency-Key with what was asked under it: the same key with another body is a mistake of the client.
struct IdempotencyKey: Sendable, Equatable {
    /// What a client may send: printable ASCII, at most this many bytes.
    static let lengthLimit = 255
    /// How long a key is remembered.
    static let memorySeconds = 86_400.0
    /// Most that are remembered: beyond, the oldest go first.
    static let countLimit = 1_000_000

    let key: String
    /// Of the body.
    let fingerprint: String
}

/// A query that took too long was given up.
struct StoreBusy: Error {}

/// What became of a signal.
enum Insertion: Sendable {
    case stored(StoredSignal)
    /// One with its id, or its idempotency key and body, is held already.
    case known(StoredSignal)
    /// Its idempotency key stood with another body before.
    case conflict
}

/// Keeps signals. There is one writer, `SignalIntake`; anyone may read at any time.
protocol SignalRepository: Sendable {
    /// Adds signals as the newest, in their order, with the positions that they bring the logs to: all in one commit,
    /// on the disk when it returns where one of them was posted. Blocks.
    func insert(_ signals: [NewSignal], positions: [UInt64: UInt64]) throws -> [Insertion]
    /// Up to where each log's signals are held.
    var positions: [UInt64: UInt64] { get throws }
    /// Posted signals that no log has taken yet, oldest first, at most `limit`. Blocks.
    func unlogged(limit: Int) throws -> [(position: UInt64, signal: ProtoSignal)]
    /// Logs have these now. Blocks.
    func markLogged(_ positions: [UInt64]) throws
    /// Deletes what retention no longer keeps. Blocks.
    func prune() throws -> Int
    /// Signals held now. O(1).
    var count: Int { get }
    func signal(id: String) async throws -> StoredSignal?
    func signals(matching query: SignalQuery) async throws -> SignalPage
    /// All that came after the signal `id`, or everything held where that one is unknown, within `SignalBacklog.limit`.
    func backlog(after id: String) async throws -> SignalBacklog
}
