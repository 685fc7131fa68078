import Detection
import Microstructure
import TestSupport
import Testing

@Suite struct CUSUMTests {
    @Test func followsThePublishedRecursionByHand() {
        var cusum = CUSUM(drift: 0.5, threshold: 3)
        //           z     S+          S-
        let table: [(Double, Double, Double)] = [
            (1.0, 0.5, 0), (2.0, 2.0, 0), (-0.5, 1.0, 0), (-2.0, 0, 1.5), (0.5, 0, 0.5), (3.5, 3.0, 0),
        ]
        for (index, (z, upper, lower)) in table.enumerated() {
            #expect(cusum.process(z, at: Timestamp(nanoseconds: Int64(index))) == nil)
            #expect(cusum.upper == upper)
            #expect(cusum.lower == lower)
        }
        // Exactly h is no alarm; above it is. S+ was last 0 at observation 4.
        let alarm = cusum.process(0.75, at: Timestamp(nanoseconds: 6))
        #expect(alarm == Alarm(direction: .up, statistic: 3.25, onset: Timestamp(nanoseconds: 4)))
        #expect(cusum.upper == 0)
    }

    /// With k = 0 both sides can hold evidence: a fall of 3 leaves S⁻ = 3, a rise of 2.5 then leaves 0.5 of it.
    @Test func sidesAccumulateApart() {
        var cusum = CUSUM(drift: 0, threshold: 3)
        #expect(cusum.process(1, at: Timestamp(nanoseconds: 1)) == nil)
        #expect(cusum.process(-3, at: Timestamp(nanoseconds: 2)) == nil)
        #expect((cusum.upper, cusum.lower) == (0, 3))
        #expect(cusum.process(2.5, at: Timestamp(nanoseconds: 3)) == nil)
        #expect((cusum.upper, cusum.lower) == (2.5, 0.5))
        let alarm = cusum.process(-2.75, at: Timestamp(nanoseconds: 4))
        #expect(alarm == Alarm(direction: .down, statistic: 3.25, onset: Timestamp(nanoseconds: 1)))
        #expect((cusum.upper, cusum.lower) == (0, 0))
    }

    @Test func onsetIsTheFirstObservationWhereTheStatisticNeverWasZero() {
        var cusum = CUSUM(drift: 0.5, threshold: 3)
        #expect(cusum.process(2, at: Timestamp(nanoseconds: 11)) == nil)
        #expect(cusum.process(2, at: Timestamp(nanoseconds: 12)) == nil)
        #expect(cusum.process(2, at: Timestamp(nanoseconds: 13))?.onset == Timestamp(nanoseconds: 11))
        // After an alarm the last zero is the alarm itself.
        #expect(cusum.process(9, at: Timestamp(nanoseconds: 14))?.onset == Timestamp(nanoseconds: 13))
    }

    @Test func ignoresWhatIsNotFinite() {
        var cusum = CUSUM(drift: 0.5, threshold: 3)
        _ = cusum.process(2, at: Timestamp(nanoseconds: 1))
        for z in [Double.nan, .infinity, -.infinity] {
            #expect(cusum.process(z, at: Timestamp(nanoseconds: 2)) == nil)
            #expect((cusum.upper, cusum.lower) == (1.5, 0))
        }
    }

    @Test func resetForgets() {
        var cusum = CUSUM(drift: 0.5, threshold: 3)
        _ = cusum.process(2, at: Timestamp(nanoseconds: 1))
        cusum.reset()
        #expect((cusum.upper, cusum.lower) == (0, 0))
        #expect(cusum.process(9, at: Timestamp(nanoseconds: 5))?.onset == Timestamp(nanoseconds: 5))
    }

    /// The mean shifts by 2 at observation 1,000. Each step then adds 1.5 on average, so that h = 8 takes about 6;
    /// being later than 25 has a probability below 1e-9. The false-alarm rate is 1 in 9,483.
    @Test(arguments: [1, 2, 3, 4, 5, 6, 7, 8] as [UInt64], [-2.0, 2.0])
    func findsAPlantedShift(seed: UInt64, shift: Double) throws {
        var random = SplitMix64(testSeed: seed)
        var cusum = CUSUM(drift: 0.5, threshold: 8)
        var found: Alarm?
        var count: Int64 = 0
        while found == nil, count < 1_025 {
            let z = random.normal() + (count >= 1_000 ? shift : 0)
            let alarm = cusum.process(z, at: Timestamp(nanoseconds: count))
            if count >= 1_000 { found = alarm }
            count += 1
        }
        let alarm = try #require(found)
        #expect(alarm.direction == (shift > 0 ? .up : .down))
        #expect((980...1_010).contains(alarm.onset.nanoseconds))
    }
}
