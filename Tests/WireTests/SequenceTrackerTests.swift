import Microstructure
import TestSupport
import Testing

@testable import Wire

@Suite struct SequenceTrackerTests {
    let topic = Array("signal.a.b.c|".utf8)

    @Test func countsExactlyWhatIsMissing() {
        var tracker = SequenceTracker()
        #expect(tracker.process(topic: topic, epoch: 10, sequence: 1) == .first(missed: 0))
        #expect(tracker.process(topic: topic, epoch: 10, sequence: 2) == .next)
        #expect(tracker.process(topic: topic, epoch: 10, sequence: 7) == .lost(4))
        #expect(tracker.process(topic: topic, epoch: 10, sequence: 7) == .duplicate)
        #expect(tracker.process(topic: topic, epoch: 10, sequence: 3) == .duplicate)
        #expect(tracker.counts.received == 3)
        #expect(tracker.counts.lost == 4)
        #expect(tracker.counts.duplicates == 2)
    }

    @Test func tellsJoiningLateFromLoss() {
        var tracker = SequenceTracker()
        #expect(tracker.process(topic: topic, epoch: 10, sequence: 6) == .first(missed: 5))
        #expect(tracker.counts.missedAtJoin == 5)
        #expect(tracker.counts.lost == 0)
    }

    @Test func aRestartBeginsAnewAndTheOldProducerIsIgnored() {
        var tracker = SequenceTracker()
        _ = tracker.process(topic: topic, epoch: 10, sequence: 50)
        #expect(tracker.process(topic: topic, epoch: 20, sequence: 3) == .restarted(missed: 2))
        #expect(tracker.process(topic: topic, epoch: 10, sequence: 51) == .duplicate)
        #expect(tracker.process(topic: topic, epoch: 20, sequence: 4) == .next)
        #expect(tracker.counts.restarts == 1)
        #expect(tracker.counts.lost == 2)
    }

    /// sent = received + lost, whatever is dropped.
    @Test func accountsBalance() {
        var random = SplitMix64(testSeed: testSeed)
        var tracker = SequenceTracker()
        var sent: UInt64 = 0
        for number in 1...10_000 where number == 1 || number == 10_000 || random.index(below: 3) > 0 {
            _ = tracker.process(topic: topic, epoch: 1, sequence: UInt64(number))
            sent = UInt64(number)
        }
        #expect(tracker.counts.received + tracker.counts.lost == sent)
    }

    @Test func survivesAbsurdNumbers() {
        var tracker = SequenceTracker()
        _ = tracker.process(topic: topic, epoch: .max, sequence: .max)
        _ = tracker.process(topic: topic, epoch: .max, sequence: 1)
        _ = tracker.process(topic: [], epoch: 0, sequence: .max)
        _ = tracker.process(topic: [], epoch: 1, sequence: .max)
        _ = tracker.process(topic: [], epoch: 2, sequence: .max)
        #expect(tracker.counts.received == 4)
    }
}
