import Microstructure

/// What lately happened to the size at one price of one side: its decreases, as quotes and books showed them, and the
/// trades at it, matched with each other.
///
/// A venue sends a trade and the quote that contains it on different streams, and either may come first. Each
/// quantity therefore counts once, whichever comes first: a trade explains the oldest decreases that can contain it and
/// are not explained yet; a decrease takes the oldest such trades. What is left of a decrease are cancellations; what is
/// left of a trade is a decrease not yet seen, or one hidden by new orders.
///
/// The venue's times decide what can contain what. A decrease lies between two books: the newest before it and the
/// first with it. A trade whose time is outside of that, by more than `timeTolerance`, is not in it. The steps are in
/// the order of the market, not of arrival, so that the same market gives the same steps in any order of arrival.
struct QueueAccount: Sendable, Equatable {
    /// A quote or a book that shows the size.
    struct Sight: Sendable {
        /// When it was received; `nil` if unknown: then nothing expires.
        var time: Timestamp?
        /// The newest update that it contains; 0 if its ids are none of the book's.
        var updateID: Int64 = 0
        /// Venue time and update id of the newest book.
        var book: (time: Timestamp, updateID: Int64)?
    }

    struct Step: Sendable, Equatable {
        /// The size before and after a decrease; `nil` for a trade without one.
        var change: (before: Int64, after: Int64)?
        /// The part of a decrease that trades explain; or the part of a trade that no decrease shows.
        var traded: Int64
        /// Venue time of the newest book before a decrease; of a trade, its own.
        var from: Timestamp
        /// Venue time of the first book that contains a decrease.
        var until = Timestamp(nanoseconds: .max)
        /// `nil` if unknown: then it can be matched for ever.
        let received: Timestamp?
        /// The update that shows a decrease; 0 if unknown.
        var updateID: Int64 = 0
        /// Of a decrease: numbers ascend in order of arrival.
        var number = 0
        /// Whether it happened before the order whose place is counted.
        var isOld = false

        /// The part of a decrease that no trade explains.
        var unexplained: Int64 { change.map { $0.before - $0.after - traded } ?? 0 }

        static func == (left: Step, right: Step) -> Bool {
            left.change?.before == right.change?.before && left.change?.after == right.change?.after
                && left.traded == right.traded && left.from == right.from && left.until == right.until
                && left.received == right.received && left.number == right.number && left.isOld == right.isOld
        }
    }

    /// After this time, in ns, nothing is matched any more. Trades came up to 220 ms late, and a price away from the
    /// best is seen with the next book, 100 ms later.
    static let memory: Int64 = 1_000_000_000
    /// Largest difference, in ns, between a book's and a trade's venue time for the same moment: both are written in
    /// whole milliseconds, by different parts of the venue.
    static let timeTolerance: Int64 = 5_000_000

    private(set) var steps: [Step] = []
    /// Venue time of the newest book.
    private(set) var bookTime: Timestamp

    init(bookTime: Timestamp = Timestamp(nanoseconds: .min)) { self.bookTime = bookTime }

    /// Forgets all steps, but keeps their memory for another price.
    mutating func reset(bookTime: Timestamp) {
        steps.removeAll(keepingCapacity: true)
        self.bookTime = bookTime
    }

    /// The account as an order finds it that arrives now: what is there belongs to the time before it.
    var asFound: QueueAccount {
        var found = self
        for place in found.steps.indices { found.steps[place].isOld = true }
        return found
    }

    /// Takes a decrease.
    mutating func decrease(from before: Int64, to after: Int64, in sight: Sight, number: Int = 0) {
        var step = Step(
            change: (before, after), traded: 0, from: bookTime, received: sight.time,
            updateID: sight.updateID, number: number)
        var place = 0
        while place < steps.count, step.unexplained > 0 {
            guard steps[place].change == nil, isPossible(steps[place], in: step) else {
                place += 1
                continue
            }
            let used = min(step.unexplained, steps[place].traded)
            step.traded += used
            steps[place].traded -= used
            if steps[place].traded == 0 { steps.remove(at: place) } else { place += 1 }
        }
        // A trade that can still be in a later decrease comes after this one.
        place = steps.count
        while place > 0, steps[place - 1].change == nil, isPossible(steps[place - 1], in: step) { place -= 1 }
        steps.insert(step, at: place)
    }

    /// Notes the newest book: it contains every decrease so far, except those of newer quotes that overtook it.
    mutating func close(with book: (time: Timestamp, updateID: Int64)) {
        guard book.time > bookTime else { return }
        bookTime = book.time
        for place in steps.indices where steps[place].change != nil && steps[place].until.nanoseconds == .max {
            if steps[place].updateID > book.updateID {
                steps[place].from = book.time
            } else {
                steps[place].until = book.time
            }
        }
    }

    /// Takes a trade. Returns the number of the newest decrease that explains it; `nil` if no decrease explains all of
    /// it.
    @discardableResult
    mutating func trade(_ quantity: Int64, venueTime: Timestamp, at received: Timestamp) -> Int? {
        var trade = Step(change: nil, traded: quantity, from: venueTime, received: received)
        var newest: Int?
        for place in steps.indices where trade.traded > 0 && steps[place].unexplained > 0 {
            guard isPossible(trade, in: steps[place]) else { continue }
            let used = min(trade.traded, steps[place].unexplained)
            steps[place].traded += used
            trade.traded -= used
            newest = steps[place].number
        }
        guard trade.traded > 0 else { return newest }
        let latest = venueTime.advanced(byNanoseconds: Self.timeTolerance)
        let place = steps.firstIndex { $0.from > ($0.change == nil ? venueTime : latest) } ?? steps.count
        steps.insert(trade, at: place)
        return nil
    }

    /// Removes and returns the oldest step if it has expired at `time`.
    mutating func popExpired(at time: Timestamp) -> Step? {
        guard let received = steps.first?.received, time.nanoseconds(since: received) > Self.memory else { return nil }
        return steps.removeFirst()
    }

    /// Whether a decrease can contain a trade.
    private func isPossible(_ trade: Step, in decrease: Step) -> Bool {
        if let shown = decrease.received, let traded = trade.received {
            let apart = shown.nanoseconds(since: traded)
            guard (-Self.memory...Self.memory).contains(apart) else { return false }
        }
        return trade.from.advanced(byNanoseconds: Self.timeTolerance) >= decrease.from
            && trade.from <= decrease.until.advanced(byNanoseconds: Self.timeTolerance)
    }
}
