import Microstructure

/// Follows the trades of each symbol in the order of their ids: leaves out copies, finds holes, and gives trades whose
/// receive time is not recorded one that does not step back.
///
/// A copy has the id and the content of another trade. Two different trades under one id are both kept.
struct TradeSeries {
    /// Different trades remembered of one id.
    private static let contentLimit = 64
    /// A time further before the one of the id before is damaged, and not a trade reported late.
    private static let stepBackNanoseconds: Int64 = 86_400_000_000_000

    private struct Content: Hashable {
        let price, quantity: ExactDecimal
        let aggressor: AggressorSide
        let venueTime: Timestamp
    }

    private struct Market {
        var id: Int64
        /// The trades of that id so far.
        var contents: [Content]
        var receiveTime: Timestamp
    }

    private var markets: [String: Market] = [:]

    /// Takes the next message; those that are no trade with an id pass.
    ///
    /// - Parameter isOrder: the ids of the symbol give the order of its trades; otherwise they only tell copies.
    /// - Returns: whether to keep it.
    mutating func process(
        _ message: inout ImportMessage, path: String, isOrder: Bool, _ report: inout ImportReport
    ) -> Bool {
        guard case .trade(var trade) = message.content, let id = trade.id else { return true }
        let content = Content(
            price: trade.price, quantity: trade.quantity, aggressor: trade.aggressor, venueTime: trade.venueTime)
        guard var market = markets[trade.symbol] else {
            markets[trade.symbol] = Market(id: id, contents: [content], receiveTime: message.receiveTime)
            return true
        }
        if id == market.id {
            guard !market.contents.contains(content) else {
                report.note(.duplicateTrade, path, message.line, "trade \(id) came before, the same in all")
                return false
            }
            report.note(.sharedID, path, message.line, "another trade has the id \(id) too, and is different")
            if market.contents.count < Self.contentLimit { market.contents.append(content) }
        } else {
            if isOrder, id > market.id + 1 {
                trade.missedBefore = id - market.id - 1
                report.note(
                    .missingTrades, path, message.line, "\(trade.missedBefore) trades are missing before trade \(id)")
            }
            market.id = id
            market.contents = [content]
        }
        if isOrder, !message.hasReceiveTime, message.receiveTime < market.receiveTime,
            market.receiveTime.nanoseconds(since: message.receiveTime) <= Self.stepBackNanoseconds
        {
            // Nobody hears of a trade before the one of the id before: the time that both share is the later one.
            report.note(.earlierTime)
            message.receiveTime = market.receiveTime
        }
        market.receiveTime = message.receiveTime
        message.content = .trade(trade)
        markets[trade.symbol] = market
        return true
    }
}
