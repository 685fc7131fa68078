import Microstructure
import Wire

/// What a tape becomes when it is played again: the same messages of a later time and a later producer.
///
/// The first pass is the tape as it is. Each further one moves all times such that it begins a second after the last one
/// ended, and all epochs beyond those of the last: to a subscriber the producers have restarted, the books have begun new
/// lives, and time goes on. Sequences, update ids and trade ids begin again with their new epochs.
package struct TapePasses {
    private static let pauseNanoseconds: Int64 = 1_000_000_000

    private var times: (first: Timestamp, last: Timestamp)?
    private var epochs: (least: UInt64, most: UInt64)?
    private var timeShift: Int64 = 0
    private var epochShift: UInt64 = 0
    /// Messages of the pass under way.
    private(set) var count = 0

    package init() {}

    /// Ends a pass; what comes next is the tape from its beginning. Returns `false` where the next pass would lie beyond
    /// the range of times.
    package mutating func beginNext() -> Bool {
        guard let times, let epochs, count > 0 else { return false }
        count = 0
        let (step, tooLong) = times.last.nanoseconds(since: times.first).addingReportingOverflow(Self.pauseNanoseconds)
        let (shift, tooLate) = timeShift.addingReportingOverflow(step)
        let (end, isBeyond) = times.last.nanoseconds.addingReportingOverflow(shift)
        guard !tooLong, !tooLate, !isBeyond, end < .max - Self.pauseNanoseconds else { return false }
        timeShift = shift
        let epochStep = max(UInt64(step), epochs.most - epochs.least + 1)
        let (epochShift, overflow) = epochShift.addingReportingOverflow(epochStep)
        guard !overflow, !epochs.most.addingReportingOverflow(epochShift).overflow else { return false }
        self.epochShift = epochShift
        return true
    }

    /// The message as it is in this pass, and when it was received in it.
    package mutating func process(_ event: TapeEvents.Event) -> (envelope: ProtoEnvelope, receiveTime: Timestamp) {
        count += 1
        guard timeShift > 0 else {
            note(event)
            return (event.envelope, event.receiveTime)
        }
        var envelope = event.envelope
        envelope.epoch &+= epochShift
        switch envelope.payload {
        case .book(var book):
            book.receiveTimeNs = moved(book.receiveTimeNs)
            book.venueTimeNs = moved(book.venueTimeNs)
            book.bookEpoch = moved(bookEpoch: book.bookEpoch)
            envelope.payload = .book(book)
        case .quote(var quote):
            quote.receiveTimeNs = moved(quote.receiveTimeNs)
            quote.venueTimeNs = moved(quote.venueTimeNs)
            envelope.payload = .quote(quote)
        case .trade(var trade):
            trade.receiveTimeNs = moved(trade.receiveTimeNs)
            trade.venueTimeNs = moved(trade.venueTimeNs)
            envelope.payload = .trade(trade)
        case .status(var status):
            status.receiveTimeNs = moved(status.receiveTimeNs)
            status.venueTimeNs = moved(status.venueTimeNs)
            status.bookEpoch = moved(bookEpoch: status.bookEpoch)
            envelope.payload = .status(status)
        case .featureVector(var vector):
            vector.receiveTimeNs = moved(vector.receiveTimeNs)
            vector.venueTimeNs = moved(vector.venueTimeNs)
            vector.bookEpoch = moved(bookEpoch: vector.bookEpoch)
            vector.sourceEpoch &+= epochShift
            envelope.payload = .featureVector(vector)
        // Recorders take the ticks; a signal's times make its id, and stay.
        case .signal, .detectorState, .featureSchema, nil: break
        }
        return (envelope, event.receiveTime.advanced(byNanoseconds: timeShift))
    }

    private mutating func note(_ event: TapeEvents.Event) {
        let (time, epoch) = (event.receiveTime, event.envelope.epoch)
        times = (min(times?.first ?? time, time), max(times?.last ?? time, time))
        epochs = (min(epochs?.least ?? epoch, epoch), max(epochs?.most ?? epoch, epoch))
    }

    /// Zero is a time that is not known.
    private func moved(_ time: Int64) -> Int64 {
        time == 0 ? 0 : Timestamp(nanoseconds: time).advanced(byNanoseconds: timeShift).nanoseconds
    }

    /// Zero is the epoch before the first book.
    private func moved(bookEpoch epoch: UInt64) -> UInt64 { epoch == 0 ? 0 : epoch &+ epochShift }
}
