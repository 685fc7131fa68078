import Microstructure
import Testing

@testable import Simulation

struct SmallPartsTests {
    @Test func splitMixGivesThePublishedNumbers() {
        // Vigna's splitmix64.c with seed 1234567 (the test vector of Rosetta Code, "Pseudo-random numbers/Splitmix64").
        var random = SplitMix64(seed: 1_234_567)
        #expect(
            (0..<5).map { _ in random.next() } == [
                6_457_827_717_110_365_317, 3_203_168_211_198_807_973, 9_817_491_932_198_370_423,
                4_593_380_528_125_082_431, 16_408_922_859_458_223_821,
            ])
    }

    @Test(arguments: [
        ("61837.63000000", 6_183_763_000_000), ("0.00000001", 1), ("5", 500_000_000), (".5", 50_000_000),
        ("92233720368.54775807", Int64.max),
    ])
    func decimalsAreReadExactly(text: String, value: Int64) {
        let bytes = Array(text.utf8)
        #expect(DecimalText.parse(bytes, 0..<bytes.count) == value)
        let back = DecimalText.text(value)
        #expect(DecimalText.parse(back, 0..<back.count) == value)
    }

    @Test(arguments: ["", ".", "1.2.3", "-1", "1e5", "0.000000001", "92233720368.54775808", "99999999999999999999"])
    func otherDecimalsAreRefused(text: String) {
        let bytes = Array(text.utf8)
        #expect(DecimalText.parse(bytes, 0..<bytes.count) == nil)
    }

    @Test func membersAreFoundWhereverTheyAre() {
        let bytes = Array(#" { "a" : [1,{"b":"}]"}] , "c":"x\"y", "d":-1.5e3,"e":{} } "#.utf8)
        let members = JSONText.members(of: bytes, in: 0..<bytes.count)
        #expect(
            members?.map { String(decoding: bytes[$0.value], as: UTF8.self) }
                == [#"[1,{"b":"}]"}]"#, #""x\"y""#, "-1.5e3", "{}"])
    }

    @Test(arguments: [
        "", "[]", "{", #"{"a"}"#, #"{"a":}"#, #"{"a":1,}"#, #"{"a":1} x"#, #"{"a":"b}"#, #"{"a":[1}"#, #"{a:1}"#,
        #"{"a":"# + String(repeating: "[", count: 40) + String(repeating: "]", count: 40) + "}",
    ])
    func brokenObjectsAreRefused(text: String) {
        let bytes = Array(text.utf8)
        #expect(JSONText.members(of: bytes, in: 0..<bytes.count) == nil)
    }

    @Test func aPacedClockRunsHoldsAndGoesOn() {
        var clock = MarketClock(speed: .factor(10))
        #expect(clock.offset(at: 500) == 0 && clock.wait(until: 100, from: 500) == nil)
        clock.start(at: 1_000)
        clock.start(at: 9_000)
        #expect(clock.offset(at: 1_010) == 100 && clock.dueOffset(at: 1_010) == 100)
        #expect(clock.wait(until: 205, from: 1_010) == 11)
        clock.hold(atOffset: 150, wall: 1_020)
        #expect(
            clock.offset(at: 5_000) == 150 && clock.heldSince == 1_020 && clock.wait(until: 200, from: 5_000) == nil)
        clock.resume(at: 6_000)
        #expect(clock.offset(at: 6_005) == 200)
    }

    @Test func anUnpacedClockIsWhatHasBeenSent() {
        var clock = MarketClock(speed: .unpaced)
        #expect(clock.dueOffset(at: 0) == 0)
        clock.start(at: 0)
        #expect(clock.dueOffset(at: 0) == .max && clock.wait(until: .max, from: 0) == 0)
        clock.reach(offset: 70)
        clock.reach(offset: 60)
        #expect(clock.offset(at: 1_000_000) == 70)
    }
}
