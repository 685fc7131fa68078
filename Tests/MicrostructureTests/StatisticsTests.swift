import TestSupport
import Testing

@testable import Microstructure

@Suite struct RingBufferTests {
    @Test(arguments: testSeeds)
    func equalsAnArray(seed: UInt64) {
        var random = SplitMix64(testSeed: seed)
        for (limit, isWhole) in [1, 2, 3, 16, 17, 50].flatMap({ [($0, false), ($0, true)] }) {
            var ring = isWhole ? RingBuffer(limit: limit, filler: -1) : RingBuffer<Int>(limit: limit)
            var model: [Int] = []
            for step in 0..<400 {
                if random.chance(0.45) {
                    #expect(ring.popFirst() == (model.isEmpty ? nil : model.removeFirst()))
                } else if random.chance(0.1) {
                    #expect(ring.popLast() == model.popLast())
                } else {
                    let evicted = ring.append(step)
                    model.append(step)
                    #expect(evicted == (model.count > limit ? model.removeFirst() : nil))
                }
                if random.chance(0.01) {
                    ring.removeAll()
                    model.removeAll()
                }
                #expect((0..<ring.count).map { ring[$0] } == model)
                var visited: [Int] = []
                ring.forEach { visited.append($0) }
                #expect(visited == model)
                #expect(ring.first == model.first && ring.last == model.last)
                #expect(ring.isEmpty == model.isEmpty && ring.isFull == (model.count == limit))
            }
        }
    }
}

@Suite struct CompensatedSumTests {
    /// Ten million terms slide through a window of a thousand. The early ones are large and the last ones tiny,
    /// which is what ruins a plain sum: that it does fail here shows that the test can.
    @Test func doesNotDriftOverTenMillionAddsAndRemoves() {
        let length = 1_000
        var window = [Double](repeating: 0, count: length)
        var sum = CompensatedSum()
        var plain = 0.0
        var random = SplitMix64(testSeed: 7)
        for step in 0..<10_000_000 {
            let slot = step % length
            let scale = step < 9_990_000 ? 1e-2 : 1e-14
            let term = Double(random.next() >> 11) * 0x1p-53 * scale
            if step >= length {
                sum.remove(window[slot])
                plain -= window[slot]
            }
            window[slot] = term
            sum.add(term)
            plain += term
        }
        let fresh = window.sorted().reduce(0, +)
        #expect(abs(sum.value - fresh) <= 1e-9 * fresh)
        #expect(abs(plain - fresh) > 1e-9 * fresh)
    }

    @Test func keepsWhatADoubleWouldLose() {
        var sum = CompensatedSum()
        sum.add(1e16)
        sum.add(1)
        sum.add(1e-12)
        sum.remove(1e16)
        sum.remove(1)
        #expect(abs(sum.value - 1e-12) < 1e-15)
    }
}

/// The plainest sum, for the windows' own tests.
private struct WholeSum: InvertibleSum, Equatable {
    var total = 0
    init() {}
    mutating func add(_ element: Int) { total += element }
    mutating func remove(_ element: Int) { total -= element }
}

@Suite struct SlidingWindowsTests {
    @Test(arguments: testSeeds)
    func equalsFilteringTheWholeHistory(seed: UInt64) {
        var random = SplitMix64(testSeed: seed)
        let widths: [Int64] = [3, 10, 40]
        for limit in [1, 5, 1_000] {
            var windows = SlidingWindows<WholeSum>(widths: widths, limit: limit)
            var history: [(time: Int64, element: Int)] = []
            var now: Int64 = -100
            var early: UInt64 = 0
            for _ in 0..<500 {
                now += random.chance(0.02) ? 50 : Int64.random(in: 0...4, using: &random)
                let time = Timestamp(nanoseconds: now)
                if random.chance(0.7) {
                    let element = Int.random(in: 1...100, using: &random)
                    windows.append(element, at: time)
                    history.append((now, element))
                } else {
                    windows.advance(to: time)
                }
                history.removeAll { now - $0.time >= 40 }
                while history.count > limit {
                    history.removeFirst()
                    early += 1
                }
                for (index, width) in widths.enumerated() {
                    let inside = history.filter { now - width < $0.time }
                    #expect(windows.count(index) == inside.count)
                    #expect(windows[index].total == inside.reduce(0) { $0 + $1.element })
                }
            }
            #expect(windows.earlyExpiries == early)
        }
    }

    @Test func survivesTheEndsOfTime() {
        var windows = SlidingWindows<WholeSum>(widths: [1_000], limit: 10)
        windows.append(1, at: Timestamp(nanoseconds: .min))
        #expect(windows.count(0) == 1)
        windows.append(2, at: Timestamp(nanoseconds: .max))
        #expect(windows[0].total == 2)
        windows.append(4, at: Timestamp(nanoseconds: .max))
        #expect(windows[0].total == 6)
    }
}

@Suite struct SlidingMaximumTests {
    @Test(arguments: testSeeds)
    func equalsTheLargestOfTheWholeHistory(seed: UInt64) {
        var random = SplitMix64(testSeed: seed)
        var maximum = SlidingMaximum<Int>(width: 40, limit: 1_000)
        var history: [(time: Int64, value: Int)] = []
        var now: Int64 = -100
        for _ in 0..<2_000 {
            now += random.chance(0.02) ? 50 : Int64.random(in: 0...4, using: &random)
            let value = Int.random(in: 1...100, using: &random)
            if random.chance(0.3), let (time, last) = history.last {
                // The last value grows.
                history[history.count - 1].value = last + value
                maximum.append(last + value, at: Timestamp(nanoseconds: time))
            } else if random.chance(0.7) {
                history.append((now, value))
                maximum.append(value, at: Timestamp(nanoseconds: now))
            }
            let time = Timestamp(nanoseconds: now)
            if random.chance(0.5) { maximum.advance(to: time) }
            for width in [3, 10, 40] as [Int64] {
                let expected = history.filter { now - width < $0.time }.map(\.value).max()
                if maximum.maximum(over: width, at: time) != expected { Issue.record("at \(now), over \(width)") }
            }
        }
    }
}
