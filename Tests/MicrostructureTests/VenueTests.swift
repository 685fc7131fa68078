import Foundation
import Microstructure
import Testing

@Suite struct VenueTests {
    @Test func namesAreSafeInTopics() {
        for name in ["binance", "binance_us", "a", "0x", String(repeating: "a", count: 32)] {
            #expect(Venue(rawValue: name)?.rawValue == name)
        }
        for name in ["", "Binance", "binance-us", "a.b", "a|", "a b", "ä", String(repeating: "a", count: 33)] {
            #expect(Venue(rawValue: name) == nil, "\(name)")
        }
        #expect("\(Venue.binanceUS)" == "binance_us")
    }

    @Test func aVenueIsEncodedAsItsName() throws {
        let encoded = try JSONEncoder().encode([Venue.binance, .binanceUS])
        #expect(String(decoding: encoded, as: UTF8.self) == #"["binance","binance_us"]"#)
        #expect(try JSONDecoder().decode([Venue].self, from: encoded) == [.binance, .binanceUS])
        #expect(throws: DecodingError.self) {
            try JSONDecoder().decode([Venue].self, from: Data(#"["BINANCE"]"#.utf8))
        }
    }
}
