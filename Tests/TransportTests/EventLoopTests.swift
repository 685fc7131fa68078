import Foundation
import Testing

@testable import Transport

extension TransportTests {
    struct EventLoopTests {
        let loop: EventLoop
        init() throws { loop = try EventLoop() }

        @Test func waitsAboutAsLongAsAsked() throws {
            let start = ContinuousClock.now
            loop.runOnce(timeoutMilliseconds: 50)
            // A round may end early (the context's own wake-ups); it must not return at once time after time.
            var rounds = 1
            while ContinuousClock.now - start < .milliseconds(50) {
                loop.runOnce(timeoutMilliseconds: 50)
                rounds += 1
            }
            #expect(rounds < 20)
            let before = ContinuousClock.now
            for _ in 0..<1_000 { loop.runOnce(timeoutMilliseconds: 0) }
            #expect(ContinuousClock.now - before < .seconds(20), "0 does not wait")
        }

        @Test func timersFireInOrderOnceAndNotEarly() throws {
            var fired: [Int] = []
            let start = ContinuousClock.now
            var isEarly = false
            for delay in [40, 10, 30, 0, 20] {
                loop.schedule(afterMilliseconds: delay) {
                    fired.append(delay)
                    if ContinuousClock.now - start < .milliseconds(delay) - .milliseconds(1) { isEarly = true }
                }
            }
            #expect(fired.isEmpty)
            #expect(run(loop) { fired.count == 5 })
            #expect(fired == [0, 10, 20, 30, 40])
            #expect(!isEarly)
        }

        @Test func timerEndsALongWait() throws {
            var isFired = false
            loop.schedule(afterMilliseconds: 20) { isFired = true }
            let start = ContinuousClock.now
            while !isFired { loop.runOnce(timeoutMilliseconds: 60_000) }
            #expect(ContinuousClock.now - start < .seconds(30))
        }

        @Test func cancelledTimersDoNotFire() throws {
            var fired = 0
            let timers = (0..<100).map { _ in loop.schedule(afterMilliseconds: 5) { fired += 1 } }
            for (index, timer) in timers.enumerated() where index % 2 == 0 {
                #expect(timer.isPending)
                timer.cancel()
                timer.cancel()
                #expect(!timer.isPending)
            }
            var isOver = false
            loop.schedule(afterMilliseconds: 30) { isOver = true }
            #expect(run(loop) { isOver })
            #expect(fired == 50)
            for timer in timers { timer.cancel() }
        }

        @Test func timersMayScheduleAndCancelInsideTimers() throws {
            var steps = 0
            var victim: EventLoop.Timer?
            let loop = loop
            func step() {
                steps += 1
                victim?.cancel()
                victim = loop.schedule(afterMilliseconds: 1_000) { Issue.record("must not fire") }
                if steps < 100 { loop.schedule(afterMilliseconds: 0, step) }
            }
            step()
            #expect(run(loop) { steps == 100 })
            victim?.cancel()
        }

        @Test func timersOutliveTheirLoopHarmlessly() throws {
            var loop: EventLoop? = try EventLoop()
            let timer = loop?.schedule(afterMilliseconds: 5) { Issue.record("must not fire") }
            loop = nil
            #expect(timer?.isPending == false)
            timer?.cancel()
        }

        @Test func wakesFromAnotherThread() throws {
            let wake = loop.wake
            let start = ContinuousClock.now
            for _ in 0..<20 {
                Thread { wake.wake() }.start()
                loop.runOnce(timeoutMilliseconds: 60_000)
            }
            #expect(ContinuousClock.now - start < .seconds(60))
        }

        @Test func wakingALoopThatHasGoneIsHarmless() throws {
            var loop: EventLoop? = try EventLoop()
            let wake = try #require(loop?.wake)
            wake.wake()
            loop = nil
            wake.wake()
        }
    }
}
