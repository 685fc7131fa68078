import Microstructure
import Testing

@testable import Venues

@Suite struct BudgetAndClockTests {
    private static let second: Int64 = 1_000_000_000

    @Test func theWeightBudgetHoldsForEachMinute() {
        var budget = WeightBudget(limit: 1_000)
        var time = Timestamp(nanoseconds: 120 * Self.second)
        for _ in 0..<16 { #expect(budget.take(50, at: time) == nil) }
        time = time.advanced(byNanoseconds: 10 * Self.second)
        #expect(budget.take(50, at: time) == 50 * Self.second)
        time = Timestamp(nanoseconds: 180 * Self.second)
        #expect(budget.take(50, at: time) == nil && budget.used == 50)
        // Others on this address have used the rest.
        budget.note(used: 790, at: time)
        #expect(budget.take(5, at: time) == nil && budget.take(50, at: time) == 60 * Self.second)
        // More than a minute's budget goes out alone.
        time = Timestamp(nanoseconds: 240 * Self.second)
        #expect(budget.take(5_000, at: time) == nil && budget.take(1, at: time) != nil)
    }

    private func sample(_ second: Double, offset: Double, roundTrip: Double = 0.001) -> ClockSample {
        ClockSample(
            time: Timestamp(nanoseconds: Int64(second * 1e9)), offsetNanoseconds: Int64(offset * 1e9),
            roundTripNanoseconds: Int64(roundTrip * 1e9), resolutionNanoseconds: 1_000)
    }

    @Test func theShortestRoundTripGivesTheOffset() {
        var clock = VenueClock()
        #expect(clock.best == nil && clock.driftPPM == nil)
        clock.process(sample(0, offset: 0.1, roundTrip: 0.2))
        clock.process(sample(1, offset: 0.051, roundTrip: 0.002))
        clock.process(sample(2, offset: 0.2, roundTrip: 0.4))
        #expect(clock.best?.offsetNanoseconds == 51_000_000 && clock.best?.errorNanoseconds == 1_000_500)
        #expect(clock.steps == 0)
    }

    @Test func driftIsTheSlopeAndOnlyToldWhenItIsKnown() throws {
        var clock = VenueClock()
        for second in 0..<3 { clock.process(sample(Double(second), offset: 0)) }
        #expect(clock.driftPPM == nil)
        for second in 3..<120 { clock.process(sample(Double(second), offset: 200e-6 * Double(second - 3))) }
        let drift = try #require(clock.driftPPM)
        #expect(abs(drift - 200) < 5 && clock.steps == 0)
    }

    @Test func aClockThatWasSetIsNotAveraged() {
        var clock = VenueClock()
        for second in 0..<20 { clock.process(sample(Double(second), offset: 0.01)) }
        clock.process(sample(20, offset: 0.26))
        #expect(clock.steps == 1 && clock.best?.offsetNanoseconds == 260_000_000)
        #expect(clock.driftPPM == nil)
    }

    @Test func theWeightLimitIsTheVenues() throws {
        let body = """
            {"rateLimits":[{"rateLimitType":"ORDERS","interval":"SECOND","intervalNum":10,"limit":100},\
            {"rateLimitType":"REQUEST_WEIGHT","interval":"MINUTE","intervalNum":1,"limit":1200}],"symbols":[]}
            """
        #expect(BinanceREST.decodeWeightLimit(Array(body.utf8).span) == 1_200)
        #expect(BinanceREST.decodeWeightLimit(Array("{}".utf8).span) == nil)
        #expect(BinanceREST.decodeWeightLimit(Array("[".utf8).span) == nil)
    }
}
