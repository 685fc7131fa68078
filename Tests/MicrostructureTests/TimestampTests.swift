import Foundation
import Testing

@testable import Microstructure

@Suite struct TimestampTests {
    @Test func convertsAndRefusesWhatDoesNotFit() {
        #expect(Timestamp(milliseconds: 1_723_161_600_123)?.nanoseconds == 1_723_161_600_123_000_000)
        #expect(Timestamp(microseconds: -1)?.nanoseconds == -1_000)
        #expect(Timestamp(milliseconds: .max) == nil)
        #expect(Timestamp(microseconds: .min) == nil)
        #expect(Timestamp(nanoseconds: 1_500_000_000).seconds == 1.5)
    }

    @Test func saturatesAtTheEndsOfItsRange() {
        let (first, last) = (Timestamp(nanoseconds: .min), Timestamp(nanoseconds: .max))
        #expect(last.nanoseconds(since: first) == .max)
        #expect(first.nanoseconds(since: last) == .min)
        #expect(last.advanced(byNanoseconds: 1) == last)
        #expect(first.advanced(byNanoseconds: -1) == first)
        #expect(first.advanced(byNanoseconds: 1).nanoseconds == .min + 1)
    }

    @Test(arguments: [1, 7, 1_000_000_000, 30_000_000_000] as [Int64])
    func bucketIsFloorDivision(width: Int64) {
        for nanoseconds in [0, 1, width - 1, width, -1, -width, -width - 1, .max, .min] as [Int64] {
            let expected = (Double(nanoseconds) / Double(width)).rounded(.down)
            let bucket = Timestamp(nanoseconds: nanoseconds).bucket(width: width)
            if nanoseconds.magnitude < 1 << 50 { #expect(Double(bucket) == expected) }
            let begin = Int128(bucket) * Int128(width)
            #expect(begin <= Int128(nanoseconds) && Int128(nanoseconds) < begin + Int128(width))
        }
    }

    @Test func timeOfDayMatchesTheCalendar() throws {
        var calendar = Calendar(identifier: .gregorian)
        calendar.timeZone = try #require(TimeZone(secondsFromGMT: 0))
        for seconds in [0, 59, 60, 86_399, 86_400, 1_723_161_253, -1, -60, -86_401] as [Int64] {
            let time = Timestamp(nanoseconds: seconds * 1_000_000_000)
            let parts = calendar.dateComponents(
                [.hour, .minute], from: Date(timeIntervalSince1970: TimeInterval(seconds)))
            #expect(time.hourOfDay == parts.hour)
            #expect(time.minuteOfDay == (parts.hour ?? 0) * 60 + (parts.minute ?? 0))
        }
    }
}
