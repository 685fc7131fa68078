import Testing

@testable import Microstructure

/// When the regime columns take a return of the mid, and when they may not.
@Suite struct RegimeChangeTests {
    /// Few enough observations to follow by hand: two standardise, and each later one counts.
    private static let parameters = FeatureParameters(regimeWarmUp: 2, regimeMinimum: 1)

    /// A market whose mid moves by a unit up and down, a second a book, with `spell` in the middle.
    private static func run(
        _ spell: (inout MarketScript, Int64) -> Void, resuming resume: Int64
    ) -> (before: Vector, after: Vector) {
        var script = MarketScript()
        for step in 0..<20 as Range<Int64> { book(&script, step, 1_000 + step % 2) }
        spell(&script, 20)
        // The market is elsewhere.
        for step in resume..<(resume + 3) { book(&script, step, 5_000 + step % 2) }
        var engine = FeatureEngine.forTests(parameters)
        let vectors = engine.run(script)
        let end = vectors.lastIndex { $0.header.times.receive.nanoseconds < 20 * second } ?? 0
        return (vectors[end], vectors[vectors.count - 1])
    }

    private static func book(_ script: inout MarketScript, _ step: Int64, _ mid: Int64, _ validity: Validity = .valid) {
        script.book(step * second + 1, bids: [(mid - 1, 1)], asks: [(mid + 1, 1)], validity: validity)
    }

    /// The outage is no observation: neither its seconds, nor the return from before it to after it.
    @Test(arguments: [Validity.stale, .resyncing]) func anUnbelievedSpellIsNoReturn(validity: Validity) {
        let calm = Self.run({ script, step in Self.book(&script, step, 1_000) }, resuming: 21)
        #expect(calm.after["regime_run_length"] < 5, "a jump that is seen is a change")
        for isHeartbeat in [true, false] {
            let (before, after) = Self.run(
                { script, step in
                    for step in step..<(step + 30) {
                        if isHeartbeat {
                            script.heartbeat(step * second, validity)
                        } else {
                            Self.book(&script, step, 3_000, validity)
                        }
                    }
                }, resuming: 50)
            // Nineteen closes of before, and two returns of the three books after.
            #expect(before["regime_run_length"] == 16, "\(isHeartbeat)")
            #expect(after["regime_run_length"] == 18, "\(isHeartbeat)")
        }
    }

    /// The doubt of a single heartbeat within a second breaks the chain too; a valid one after it restores the book.
    @Test func aPassingDoubtIsAStartingPoint() {
        let (before, after) = Self.run(
            { script, step in
                script.heartbeat(step * second, .stale)
                script.heartbeat(step * second + 2, .valid)
            }, resuming: 21)
        #expect(before["regime_run_length"] == 16 && after["regime_run_length"] < 5)
    }

    /// More than a minute without a believed book ends the regime, whether heartbeats fill it or nothing does.
    @Test func aLongOutageStartsAfresh() {
        for (seconds, isAfresh) in [(59, false), (62, true)] as [(Int64, Bool)] {
            for beat in [second, 7 * second, .max] {
                let (_, after) = Self.run(
                    { script, step in
                        script.heartbeat(step * second, .stale)
                        for time in stride(
                            from: step * second, to: (step + seconds) * second, by: Int(min(beat, 1 << 50)))
                        where time > step * second { script.heartbeat(time, .stale) }
                    }, resuming: 20 + seconds)
                #expect(after["regime_run_length"].isNaN == isAfresh, "\(seconds) s, a heartbeat in \(beat) ns")
            }
        }
    }
}
