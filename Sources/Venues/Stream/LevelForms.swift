import Microstructure

/// How a level's numbers were written: the digits behind the point, trailing zeros among them.
public struct LevelForm: Sendable, Hashable {
    public var priceDecimals: Int8
    public var sizeDecimals: Int8

    public init(priceDecimals: Int8, sizeDecimals: Int8) {
        self.priceDecimals = priceDecimals
        self.sizeDecimals = sizeDecimals
    }
}

/// The form of each number in a book, for checksums over the digits as sent.
///
/// Most venues write all numbers of an instrument alike: only levels of another form than the first take memory.
public struct LevelForms: Sendable {
    private var usual: LevelForm?
    /// By price, bids and asks together: a price is on one side only.
    private var others: [Price: LevelForm] = [:]

    public init() {}

    mutating func removeAll() {
        usual = nil
        others.removeAll(keepingCapacity: true)
    }

    /// Notes the form of a level that has just been set. The form of one that is gone stays until `prune`: its price may
    /// have come to the other side in the same message.
    mutating func set(_ form: LevelForm, at price: Price) {
        if usual == nil { usual = form }
        if form != usual {
            others[price] = form
        } else if !others.isEmpty {
            others[price] = nil
        }
    }

    /// Forgets levels that are in the book no more, once there are many of them.
    mutating func prune(to book: borrowing OrderBook) {
        guard others.count > 2 * (book.bids.count + book.asks.count) + 64 else { return }
        var kept: [Price: LevelForm] = [:]
        for rank in 0..<book.bids.count { kept[book.bids[rank].price] = others[book.bids[rank].price] }
        for rank in 0..<book.asks.count { kept[book.asks[rank].price] = others[book.asks[rank].price] }
        others = kept
    }

    public func form(at price: Price) -> LevelForm? { (others.isEmpty ? nil : others[price]) ?? usual }
}
