import Simulation

/// What a client asks for of one market.
struct StreamSubscription {
    let feed: MarketFeed
    /// The stream's name inside the simulator.
    let stream: String
    /// Whether the venue answers with the whole book in the stream.
    var bringsBook = false

    static func book(_ feed: MarketFeed, inStream: Bool = true) -> Self {
        Self(feed: feed, stream: StreamName.depth(feed.market.listing.symbol), bringsBook: inStream)
    }

    static func trades(_ feed: MarketFeed) -> Self {
        Self(feed: feed, stream: StreamName.trades(feed.market.listing.symbol))
    }

    static func quotes(_ feed: MarketFeed) -> Self {
        Self(feed: feed, stream: StreamName.quotes(feed.market.listing.symbol))
    }
}

extension SimulatedClient {
    /// Follows the stream, and sends the whole book if the venue does. A stream followed already brings its book anew.
    func begin(_ subscription: StreamSubscription) {
        if !streams.contains(subscription.stream) { follow(subscription.stream) }
        if subscription.bringsBook { sendBook(of: subscription.feed) }
    }

    /// `false` if the stream is not followed.
    func end(_ subscription: StreamSubscription) -> Bool {
        guard streams.contains(subscription.stream) else { return false }
        unfollow(subscription.stream)
        return true
    }
}
