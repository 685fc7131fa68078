import Microstructure
import Wire

/// Repeats a tape: each pass has the same messages with later times and later producer epochs.
///
/// The first pass is the unchanged tape. Each further pass shifts all times so that it begins a second after the
/// previous pass ended, and all epochs beyond those of the previous pass. A subscriber sees restarted producers, new
/// book epochs and increasing times. Sequences, update ids and trade ids begin again with their new epochs.
package struct TapePasses {
    private static let pauseNanoseconds: Int64 = 1_000_000_000

    private var times: (first: Timestamp, last: Timestamp)?
    private var epochs: (least: UInt64, most: UInt64)?
    private var timeShift: Int64 = 0
    private var epochShift: UInt64 = 0
    /// Messages of the pass under way.
    private(set) var count = 0

    package init() {}

    /// Ends a pass; the next one begins at the start of the tape. Returns `false` if the next pass would exceed the
    /// range of times.
    package mutating func beginNext() -> Bool {
        guard let times, let epochs, count > 0 else { return false }
        count = 0
        let (step, tooLong) = times.last.nanoseconds(since: times.first).addingReportingOverflow(Self.pauseNanoseconds)
        let (shift, tooLate) = timeShift.addingReportingOverflow(step)
        let (end, isBeyond) = times.last.nanoseconds.addingReportingOverflow(shift)
        guard !tooLong, !tooLate, !isBeyond, end < .max - Self.pauseNanoseconds else { return false }
        timeShift = shift
        let span = epochs.most - epochs.least
        let epochStep = max(UInt64(step), span == .max ? .max : span + 1)
        let (epochShift, overflow) = epochShift.addingReportingOverflow(epochStep)
        guard !overflow, !epochs.most.addingReportingOverflow(epochShift).overflow else { return false }
        self.epochShift = epochShift
        return true
    }

    /// The message and its receive time, both shifted for this pass.
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
        // Recorders record ticks only. A signal's id contains its time, so its times stay unchanged.
        case .signal, .detectorState, .featureSchema, nil: break
        }
        return (envelope, event.receiveTime.advanced(byNanoseconds: timeShift))
    }

    private mutating func note(_ event: TapeEvents.Event) {
        let (time, epoch) = (event.receiveTime, event.envelope.epoch)
        times = (min(times?.first ?? time, time), max(times?.last ?? time, time))
        epochs = (min(epochs?.least ?? epoch, epoch), max(epochs?.most ?? epoch, epoch))
    }

    /// Zero means an unknown time.
    private func moved(_ time: Int64) -> Int64 {
        time == 0 ? 0 : Timestamp(nanoseconds: time).advanced(byNanoseconds: timeShift).nanoseconds
    }

    /// Zero is the epoch before the first book.
    private func moved(bookEpoch epoch: UInt64) -> UInt64 { epoch == 0 ? 0 : epoch &+ epochShift }
}
