import NIOCore
import Pipeline

/// A signal as held: the document, its JSON written once, and its place in the order of arrival.
final class StoredSignal: Sendable {
    /// From 1, in the order of arrival, without holes.
    let position: UInt64
    let document: SignalDocument
    /// `document` as compact JSON.
    let json: ByteBuffer

    init(position: UInt64, document: SignalDocument, json: ByteBuffer) {
        self.position = position
        self.document = document
        self.json = json
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

    func matches(_ signal: SignalDocument) -> Bool {
        if let symbol, signal.symbol != symbol { return false }
        if let type, signal.signalType != type { return false }
        if let since, signal.timestamp < since { return false }
        if let until, signal.timestamp > until { return false }
        if let minScore, signal.score < minScore { return false }
        return true
    }
}

/// What a returning client of the live stream has missed.
struct SignalBacklog: Sendable {
    /// Oldest first.
    let signals: [StoredSignal]
    /// `false` where the last signal that the client saw is no longer held: some may be missing before the first.
    let isComplete: Bool
    /// The newest position when this was read: later signals come live.
    let end: UInt64
}

/// Keeps signals. There is one writer, `SignalIntake`; anyone may read at any time.
protocol SignalRepository: Sendable {
    /// Adds a signal as the newest; `nil` where one with its id is held already. Blocks while it writes.
    func insert(_ document: SignalDocument) throws -> StoredSignal?
    /// Signals held now. O(1).
    var count: Int { get }
    func signal(id: String) async throws -> StoredSignal?
    /// Newest arrival first.
    func signals(matching query: SignalQuery) async throws -> [StoredSignal]
    /// All that came after the signal `id`, or everything held where that one is unknown.
    func backlog(after id: String) async throws -> SignalBacklog
}
