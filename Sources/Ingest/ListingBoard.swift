import Venues

/// What the venue says of our symbols, and when to ask it again.
///
/// The status of every market is requested at the configured interval, every 30 s while a market does not trade, and
/// when a stream goes silent. Symbols that the venue does not list are asked for with growing waits up to the interval,
/// each alone: it may list them later.
struct ListingBoard {
    /// The longest wait while a market does not trade, and the first wait for a symbol that is not listed.
    static let soonSeconds = 30.0
    /// The least time between two requests because of silence.
    static let silenceSpacingSeconds = 10.0
    /// How long a silence waits for the venue's word before it counts as a failure of the connection.
    static let patienceSeconds = 3.0
    /// Most symbols that are not listed in one round; the others come in the next ones.
    static let unlistedPerRound = 16

    struct Market {
        var status: TradingStatus
        /// The venue's own word.
        var text: String
        /// When a silence of the market began, and from when on it counts as a failure of the connection although the
        /// venue has said nothing, on the monotonic clock.
        var silence: (since: Int64, blamedFrom: Int64)?
        /// When the market was added to a running feed, on the monotonic clock.
        var addedAt: Int64
        /// Whether it was said that the market has sent nothing yet.
        var isSaidUnheard = false

        init(_ listing: VenueListing, addedAt: Int64 = .min) {
            (status, text, self.addedAt) = (listing.status, listing.statusText, addedAt)
        }
    }

    /// By instrument.
    var markets: [Market]
    private(set) var unlisted: [ListingSearch.Unlisted]
    /// The round of requests under way.
    var search: ListingSearch?
    private let intervalSeconds: Double
    private var unlistedSeconds = ListingBoard.soonSeconds
    private var nextAsk: Int64
    private var lastAsk: Int64
    private var lastAnswer: Int64

    init(_ listings: [VenueListing], unlisted: [ListingSearch.Unlisted], intervalSeconds: Double, at now: Int64) {
        markets = listings.map { Market($0) }
        self.unlisted = unlisted
        self.intervalSeconds = intervalSeconds
        lastAnswer = now
        lastAsk = now
        nextAsk = now
        planNext(at: now)
    }

    /// Begins a round of requests for `batches` of symbols and those that are not listed, in `search`; `false` while none
    /// is due or one is under way.
    mutating func beginIfDue(_ batches: [[String]], at now: Int64) -> Bool {
        guard search == nil, now >= nextAsk else { return false }
        lastAsk = now
        search = ListingSearch(batches + unlisted.prefix(Self.unlistedPerRound).map { [$0.symbol] })
        return true
    }

    /// The venue does not answer: the round is given up and begins anew later.
    mutating func abandon(at now: Int64) {
        search = nil
        nextAsk = now + Self.nanoseconds(Self.soonSeconds)
    }

    /// The round has ended: returns its answers. Plan the next round once they are noted, since its time follows from
    /// them.
    mutating func finish(at now: Int64) -> ListingSearch? {
        guard let ended = search else { return nil }
        search = nil
        lastAnswer = now
        if !unlisted.isEmpty { unlistedSeconds = min(unlistedSeconds * 2, max(intervalSeconds, 1)) }
        return ended
    }

    /// Notes the venue's answer about symbols that were not listed before: those still not listed go to the end of the
    /// queue.
    mutating func keepUnlisted(_ again: [ListingSearch.Unlisted], asked: Set<String>) {
        unlisted = unlisted.filter { !asked.contains($0.symbol) } + again
    }

    /// A stream has gone silent: the venue is asked whether the market trades.
    mutating func noteSilence(of index: Int, at now: Int64) {
        let asked = max(now, lastAsk + Self.nanoseconds(Self.silenceSpacingSeconds))
        markets[index].silence = (now, asked + Self.nanoseconds(Self.patienceSeconds))
        nextAsk = min(nextAsk, asked)
    }

    func isTrading(_ index: Int) -> Bool { markets[index].status == .trading }

    /// Whether a silence is the connection's fault as far as known: the venue has been asked since it began, or does
    /// not answer, and says that the market trades.
    func blamesConnection(for index: Int, at now: Int64) -> Bool {
        guard isTrading(index) else { return false }
        guard let silence = markets[index].silence else { return true }
        return lastAnswer >= silence.since || now >= silence.blamedFrom
    }

    mutating func planNext(at now: Int64) {
        var seconds = intervalSeconds
        if markets.contains(where: { $0.status != .trading }) { seconds = min(seconds, Self.soonSeconds) }
        if !unlisted.isEmpty { seconds = min(seconds, unlistedSeconds) }
        // Processes that started together must not ask together for ever.
        nextAsk = now + Self.nanoseconds(seconds * Double.random(in: 0.9...1.1))
    }

    private static func nanoseconds(_ seconds: Double) -> Int64 { Int64(seconds * 1e9) }
}
