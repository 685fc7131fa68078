import Detection
import Microstructure
import TestSupport
import Testing

@Suite struct BurstTests {
    private func alarms(_ inputs: [Double], rearmFraction: Double = 0.8) -> [Int] {
        var burst = Burst(threshold: 2.5, rearmFraction: rearmFraction)
        return inputs.indices.filter { burst.process(inputs[$0], at: Timestamp(nanoseconds: Int64($0))) != nil }
    }

    @Test func oneBurstIsOneAlarm() {
        // It falls between the two thresholds and rises again: the same burst. It ends only below 2.
        #expect(alarms([0, 2.5, 2.6, 9, 2.1, 3, 2.0, 4, 1.99, 2.4, 2.51]) == [2, 10])
    }

    @Test func withoutHysteresisEveryUpwardCrossingAlarms() {
        #expect(alarms([3, 2.4, 3, 2.4, 3], rearmFraction: 1) == [0, 2, 4])
    }

    @Test func saysSinceWhenAndHowMuch() {
        var burst = Burst(threshold: 2.5, rearmFraction: 0.8)
        #expect(burst.rearmThreshold == 2)
        let alarm = burst.process(4, at: Timestamp(nanoseconds: 3))
        #expect(alarm == Alarm(direction: .up, statistic: 4, onset: Timestamp(nanoseconds: 3)))
        _ = burst.process(5, at: Timestamp(nanoseconds: 4))
        #expect(burst.onset == Timestamp(nanoseconds: 3))
        _ = burst.process(1, at: Timestamp(nanoseconds: 5))
        #expect(burst.onset == nil)
    }

    @Test func neitherBeginsNorEndsOnWhatIsNotFinite() {
        #expect(alarms([.infinity, .nan, 3, .nan, -.infinity, 3, 1, 3]) == [2, 7])
    }

    @Test(arguments: [1, 2, 3] as [UInt64])
    func betweenTwoAlarmsTheInputFellBelowTheRearmThreshold(seed: UInt64) {
        var random = SplitMix64(testSeed: seed)
        let inputs = (0..<5_000).map { _ in 3 * random.normal() }
        let found = alarms(inputs)
        #expect(found.count > 100)
        for (first, second) in zip(found, found.dropFirst()) {
            #expect(inputs[first] > 2.5 && inputs[second] > 2.5)
            #expect(inputs[first..<second].contains { $0 < 2 })
        }
    }
}
