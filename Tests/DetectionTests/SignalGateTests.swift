import Microstructure
import Testing

@testable import Detection

@Suite struct SignalGateTests {
    private let second: Int64 = 1_000_000_000

    @Test func cooldownIsOverAfterExactlyItsLength() {
        var gate = SignalGate(type: .drift, cooldownSeconds: 30)
        let times: [(Int64, Bool)] = [
            (0, true), (1, false), (30 * second - 1, false), (30 * second, true), (60 * second - 1, false),
            (61 * second, true),
        ]
        for (time, passes) in times {
            #expect(gate.admit(score: 0.6, threshold: 0.5, at: Timestamp(nanoseconds: time)) == passes)
        }
        #expect(gate.counts.candidates == 6 && gate.counts.emitted == 3 && gate.counts.suppressedByCooldown == 3)
    }

    @Test func theScoreMustExceedTheThreshold() {
        var gate = SignalGate(type: .drift, cooldownSeconds: 30)
        // What the threshold holds back neither starts nor counts against the cooldown.
        let passes = [0.5, 0.5.nextUp, 0.1].map {
            gate.admit(score: $0, threshold: 0.5, at: Timestamp(nanoseconds: 0))
        }
        #expect(passes == [false, true, false])
        #expect(gate.counts.suppressedByThreshold == 2 && gate.counts.suppressedByCooldown == 0)
    }

    @Test func withoutCooldownTimesStillDiffer() {
        var gate = SignalGate(type: .drift, cooldownSeconds: 0)
        let passes = [5, 5, 6, 4, 6, 7].map {
            gate.admit(score: 1, threshold: 0, at: Timestamp(nanoseconds: $0))
        }
        #expect(passes == [true, false, true, false, false, true])
    }
}
