import Runtime
import Foundation
import Microstructure
import Transport
import Venues
import Wire

/// Wait after subscribing before a symbol that has sent nothing is named.
private let unheardNanoseconds: Int64 = 10_000_000_000

/// What the venue says of the symbols: which it lists, and which of them trade.
extension LiveFeed where Session: ~Copyable {
    /// Once a second.
    func followListings(at now: Int64) {
        nameUnheard(at: now)
        if listings.beginIfDue(
            rest.adapter.listingBatches(of: session.instruments.map(\.symbol)), at: now)
        {
            askListings()
        }
        attempt {
            for symbol in listings.unlisted { try output.publish(notListed: symbol.symbol, at: HostClock.now) }
        }
        for id in ids() {
            listingMeters.report(session.instruments[id.index].symbol, listings.markets[id.index].status)
        }
        listingMeters.report(unlisted: listings.unlisted.map(\.symbol))
    }

    private func askListings() {
        guard let batch = listings.search?.next else { return finishListings() }
        if !ask(.listings(batch), rest.adapter.instrumentsRequest(for: batch)) {
            listings.abandon(at: HostClock.monotonicNanoseconds)
        }
    }

    func receiveListings(_ result: Result<RESTAnswer, RESTFailure>) {
        do throws(RESTFailure) {
            listings.search?.take(try InstrumentCatalog.decode(result.get().body, rest.adapter).listings)
        } catch {
            guard error.kind == .unknownSymbol else {
                logger.warning("the symbols' status is not known", metadata: ["error": "\(error)"])
                return listings.abandon(at: HostClock.monotonicNanoseconds)
            }
            listings.search?.refuse(error.reason)
        }
        askListings()
    }

    private func finishListings() {
        guard let answer = listings.finish(at: HostClock.monotonicNanoseconds) else { return }
        for id in ids() {
            // Rules that cannot be read any more do not stop a market that is served: its status counts.
            let listing = answer.answer(for: session.instruments[id.index].symbol)
            change(id, to: listing?.status ?? .notListed, listing?.statusText ?? "not listed")
        }
        let ours = Set(session.instruments.map(\.symbol))
        let added = answer.listings.filter { !ours.contains($0.symbol) }
        listings.keepUnlisted(
            answer.unlisted.filter { !ours.contains($0.symbol) },
            asked: Set(answer.unlisted.map(\.symbol) + added.map(\.symbol)))
        for listing in added { serve(listing) }
        listings.planNext(at: HostClock.monotonicNanoseconds)
    }

    private func change(_ id: InstrumentID, to status: TradingStatus, _ text: String) {
        let market = listings.markets[id.index]
        guard market.status != status else { return }
        (listings.markets[id.index].status, listings.markets[id.index].text) = (status, text)
        let symbol = session.instruments[id.index].symbol
        logger.notice(
            status == .trading ? "the market trades again" : "the market does not trade",
            metadata: ["symbol": "\(symbol)", "status": "\(status.rawValue)", "venue_status": "\(text)"])
        guard (market.status == .trading) != (status == .trading) else { return }
        session.tradingChanged(of: id, isTrading: status == .trading, at: HostClock.now)
        if session.validity(of: id) != .valid { feedMetrics[id.index].lost(at: HostClock.monotonicNanoseconds) }
        attempt { try publishStatus(id) }
    }

    /// The venue lists a symbol that was set aside. The symbol of a pool is left to the pool; any other joins the feed,
    /// with a connection that replaces the present one without a break.
    private func serve(_ listing: VenueListing) {
        let symbol = listing.symbol
        guard let onListed else {
            do {
                let instrument = try listing.instrument.get()
                try session.add(instrument)
                output.add(instrument)
                feedMetrics.append(FeedMetrics(venue: instrument.venue, symbol: symbol))
                chains.append(InstrumentChain(longestSeconds: longestWaitSeconds))
                listings.markets.append(ListingBoard.Market(listing, addedAt: HostClock.monotonicNanoseconds))
                logger.notice("the venue lists the symbol now", metadata: ["symbol": "\(symbol)"])
                links.replacePlan(
                    adapter.connectionPlan(
                        for: session.instruments, targetByteLimit: WebSocketRequest.longestTarget))
            } catch {
                logger.error("the symbol cannot be served", metadata: ["symbol": "\(symbol)", "error": "\(error)"])
                listings.keepUnlisted([ListingSearch.Unlisted(symbol: symbol, reason: "\(error)")], asked: [symbol])
            }
            return
        }
        logger.notice("the venue lists the symbol now; it is left to the pool", metadata: ["symbol": "\(symbol)"])
        onListed(symbol)
    }

    /// Names each symbol that has sent nothing since its connection opened, once.
    private func nameUnheard(at now: Int64) {
        guard links.isOpen else { return }
        for id in ids() where !listings.markets[id.index].isSaidUnheard && session.counts(of: id).messages == 0 {
            let market = listings.markets[id.index]
            let begin = max(links.openedAt, market.addedAt)
            guard now - begin >= unheardNanoseconds else { continue }
            listings.markets[id.index].isSaidUnheard = true
            logger.warning(
                "the symbol has sent nothing since the connection opened",
                metadata: [
                    "symbol": "\(session.instruments[id.index].symbol)", "status": "\(market.status.rawValue)",
                    "seconds": "\((now - begin) / 1_000_000_000)",
                ])
            listings.noteSilence(of: id.index, at: now)
        }
    }

    /// Whether every market that trades has a VALID book, and why others have none. A market that the venue has stopped
    /// is no fault of this process.
    func readiness() -> (isReady: Bool, detail: String) {
        var validCount = 0
        var hasFault = !links.isOpen
        var reasons: [String] = []
        for id in ids() {
            guard session.validity(of: id) != .valid else {
                validCount += 1
                continue
            }
            if listings.isTrading(id.index) { hasFault = true }
            reasons.append("\(session.instruments[id.index].symbol) \(weakness(of: id))")
        }
        var detail = "\(validCount) of \(session.instruments.count) books valid"
        if !reasons.isEmpty { detail += "; " + ListText.brief(reasons, separator: "; ") }
        let unlisted = listings.unlisted.map(\.symbol)
        if !unlisted.isEmpty { detail += "; not listed by the venue: \(ListText.brief(unlisted))" }
        return (!hasFault, detail)
    }

    /// Why the instrument's book is not VALID.
    private func weakness(of id: InstrumentID) -> String {
        let market = listings.markets[id.index]
        guard market.status == .trading else { return market.status.rawValue }
        if !links.isOpen { return "without a connection" }
        if session.counts(of: id).messages == 0 { return "has sent nothing" }
        let silent = session.silentChannels(of: id).names
        let state = "is \("\(session.validity(of: id))".uppercased())"
        return silent.isEmpty ? state : "\(state), silent: \(silent.joined(separator: ", "))"
    }
}

/// Lists in log lines and health pages.
enum ListText {
    /// The first ten items, and how many more there are.
    static func brief(_ items: [String], separator: String = ", ") -> String {
        let rest = items.count - 10
        return items.prefix(10).joined(separator: separator) + (rest > 0 ? " and \(rest) more" : "")
    }
}
