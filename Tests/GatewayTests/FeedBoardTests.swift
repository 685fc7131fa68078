import Testing
import Wire

@testable import Gateway

/// What the gateway says of a feed whose `ingest` is not heard any more.
@Suite struct FeedBoardTests {
    @Test func anOldStatusSaysNothingAboutTheFeedNow() {
        var status = ProtoStatus(validity: .valid, bookEpoch: 1)
        status.feedUp = true
        status.tradingStatus = "TRADING"
        let entry = FeedBoard.Entry(venue: "binance", symbol: "BTCUSDT", producer: "p", status: status, moment: 0)
        let fresh = StatsController.Feed(entry, at: 10_000_000_000)
        #expect(fresh.feedUp && fresh.validity == "VALID" && fresh.tradingStatus == "TRADING")
        let old = StatsController.Feed(entry, at: 143_000_000_000)
        #expect(!old.feedUp && old.validity == "STALE" && old.ageSeconds == 143)
    }

    @Test func aFeedThatSaysItIsDownIsDown() {
        let entry = FeedBoard.Entry(
            venue: "binance", symbol: "BTCUSDT", producer: "p", status: ProtoStatus(validity: .stale, bookEpoch: 1),
            moment: 0)
        let feed = StatsController.Feed(entry, at: 1_000_000_000)
        #expect(!feed.feedUp && feed.tradingStatus == nil)
    }
}
