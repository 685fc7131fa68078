@testable import Ingest
@testable import Runtime
import Testing

@Suite struct IngestPartsTests {
    @Test(
        arguments: [
            ("0", 0.0), ("1.5", 1.5), ("120", 120), ("1e300", RetryAfter.limitSeconds), ("inf", nil), ("nan", nil),
            ("-1", nil), ("", nil),
        ] as [(String, Double?)]) func retryAfterIsFiniteAndBounded(header: String, seconds: Double?)
    {
        #expect(RetryAfter.seconds(header) == seconds)
    }

    @Test func noHeaderIsNoWait() { #expect(RetryAfter.seconds(nil) == nil) }

    @Test func backoffStaysBelowItsDoublingBound() {
        var backoff = Backoff(firstSeconds: 1, longestSeconds: 60)
        for attempt in 0..<200 {
            let bound = min(60, 1.0 * Double(1 << min(attempt, 30)))
            #expect((0...bound).contains(backoff.next()))
        }
        backoff.reset()
        #expect((0...1).contains(backoff.next()))
    }

    /// The first request comes at once, those of a book that does not hold wait, and one that held is forgiven.
    @Test func aSnapshotChainSlowsDownUntilTheBookHolds() {
        var chain = InstrumentChain(longestSeconds: 60)
        #expect(chain.backoff.next() == 0)
        let waits = (0..<50).map { _ in chain.backoff.next() }
        #expect(waits.contains { $0 > 1 })
        for _ in 1..<InstrumentChain.settledSeconds { chain.settle(isValid: true) }
        chain.settle(isValid: false)
        let stillWaits = (0..<20).map { _ in chain.backoff.next() }
        #expect(stillWaits.contains { $0 > 1 })
        for _ in 0..<InstrumentChain.settledSeconds { chain.settle(isValid: true) }
        #expect(chain.backoff.next() == 0)
    }
}
