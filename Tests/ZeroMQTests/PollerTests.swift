import Foundation
import Testing
import ZeroMQ

extension ZeroMQTests {
    @Suite struct Polling {
        @Test func tellsWhichSocketsAndDescriptorsAreReady() throws {
            let context = try Context()
            let first = try Socket(.pull, in: context, options: options())
            let second = try Socket(.pull, in: context, options: options())
            let source = try Socket(.push, in: context, options: options())
            try first.bind("inproc://first")
            try source.connect(try second.bind("inproc://second"))
            var ends: [Int32] = [0, 0]
            try #require(pipe(&ends) == 0)
            defer { ends.forEach { close($0) } }

            var poller = Poller(capacity: 4)
            let firstSlot = try poller.add(first)
            let secondSlot = try poller.add(second)
            let pipeSlot = try poller.add(fileDescriptor: ends[0])
            let sourceSlot = try poller.add(source, for: .writable)
            #expect(try poller.wait(timeoutMilliseconds: 0) == .ready(1))
            #expect(poller.ready(sourceSlot) == .writable)
            poller.watch(sourceSlot, for: [])
            #expect(try poller.wait(timeoutMilliseconds: 1) == .timedOut)
            for slot in [firstSlot, secondSlot, pipeSlot, sourceSlot] { #expect(poller.ready(slot).isEmpty) }

            #expect(try source.offer("x") == .sent)
            #expect(try poller.wait(timeoutMilliseconds: patienceMilliseconds) == .ready(1))
            #expect(poller.ready(firstSlot).isEmpty)
            #expect(poller.ready(secondSlot) == .readable)
            var byte: UInt8 = 1
            #expect(write(ends[1], &byte, 1) == 1)
            #expect(try poller.wait(timeoutMilliseconds: patienceMilliseconds) == .ready(2))
            #expect(poller.ready(pipeSlot) == .readable)

            poller.remove(secondSlot)
            #expect(try poller.wait(timeoutMilliseconds: patienceMilliseconds) == .ready(1))
            let again = try poller.add(second)
            #expect(again == secondSlot)
            #expect(try poller.wait(timeoutMilliseconds: patienceMilliseconds) == .ready(2))
        }

        @Test func refusesWhatItCannotHold() throws {
            let context = try Context()
            let socket = try Socket(.pull, in: context, options: options())
            var poller = Poller(capacity: 1)
            do {
                _ = try poller.add(fileDescriptor: -1)
                Issue.record("descriptor -1")
            } catch {
                #expect(error.code == EBADF)
            }
            let slot = try poller.add(socket)
            do {
                _ = try poller.add(socket)
                Issue.record("more than fits")
            } catch {
                #expect(error.code == ENOSPC)
                #expect(error.subject == "capacity 1")
            }
            poller.remove(slot)
            _ = try poller.add(socket)
        }

        @Test func aClosedSocketIsAnErrorAndNotACrash() throws {
            let context = try Context()
            var poller = Poller()
            let socket = try Socket(.pull, in: context, options: options())
            let slot = try poller.add(socket)
            socket.close()
            do {
                _ = try poller.wait(timeoutMilliseconds: 0)
                Issue.record("polled a closed socket")
            } catch {
                #expect(error.code == ENOTSOCK)
                #expect(error.subject == "slot 0")
            }
            poller.remove(slot)
            #expect(try poller.wait(timeoutMilliseconds: 0) == .timedOut)
        }

        @Test func shutdownEndsAWaitInAnotherThread() throws {
            let context = try Context()
            let waiter = Worker {
                let socket = try Socket(.pull, in: context)
                var poller = Poller()
                _ = try poller.add(socket)
                return try poller.wait(timeoutMilliseconds: -1)
            }
            #expect(waiter.waitUntilAsleep())
            context.shutdown()
            #expect(try waiter.join() == .shutdown)
        }

        @Test func signalsNeitherEndNorProlongAWait() throws {
            installInterruptingHandler()
            let context = try Context()
            let waiter = Worker {
                let socket = try Socket(.pull, in: context)
                var poller = Poller()
                _ = try poller.add(socket)
                let start = ContinuousClock.now
                let outcome = try poller.wait(timeoutMilliseconds: 200)
                return (outcome, ContinuousClock.now - start)
            }
            // Each wait begun anew by an interruption would never end under a hail of them.
            #expect(
                holds {
                    _ = waiter.interrupt()
                    return waiter.isFinished
                })
            let (outcome, duration) = try waiter.join()
            #expect(outcome == .timedOut)
            #expect(duration >= .milliseconds(199))
        }
    }

    @Suite struct Monitoring {
        @Test(arguments: ["tcp://127.0.0.1:*", "ipc://*"]) func reportsAConnectionsLife(transport: String) throws {
            let context = try Context()
            let sink = try Socket(.pull, in: context, options: options())
            var server = try sink.monitor()
            let endpoint = try sink.bind(transport)
            let source = try Socket(.push, in: context, options: options())
            var client = try source.monitor()
            try source.connect(endpoint)

            let patience = patienceMilliseconds
            let joined = try client.wait(for: [.handshakeSucceeded], timeoutMilliseconds: patience)
            #expect(joined?.endpoint == endpoint)
            var kinds: [MonitorEvent.Kind] = []
            while kinds.last != .handshakeSucceeded,
                let event = try server.wait(for: Set(MonitorEvent.Kind.allCases), timeoutMilliseconds: patience)
            {
                kinds.append(event.kind)
            }
            #expect(kinds == [.listening, .accepted, .handshakeSucceeded])
            #expect(try server.next() == nil)
            source.close()
            #expect(try server.wait(for: [.disconnected], timeoutMilliseconds: patience) != nil)
            #expect(try server.wait(for: [.connected], timeoutMilliseconds: 1) == nil)
        }

        @Test func aPollerWaitsForEvents() throws {
            let context = try Context()
            let sink = try Socket(.pull, in: context, options: options())
            var monitor = try sink.monitor([.listening])
            var poller = Poller()
            let slot = try poller.add(monitor)
            #expect(try poller.wait(timeoutMilliseconds: 0) == .timedOut)
            let endpoint = try sink.bind("tcp://127.0.0.1:*")
            #expect(try poller.wait(timeoutMilliseconds: patienceMilliseconds) == .ready(1))
            #expect(poller.ready(slot) == .readable)
            let event = try #require(try monitor.next())
            #expect(event.kind == .listening)
            #expect(event.endpoint == endpoint)
        }

        @Test func aFailedBindIsReported() throws {
            let context = try Context()
            let first = try Socket(.pull, in: context, options: options())
            let endpoint = try first.bind("tcp://127.0.0.1:*")
            let second = try Socket(.pull, in: context, options: options())
            var monitor = try second.monitor([.bindFailed])
            #expect(throws: ZMQError.self) { try second.bind(endpoint) }
            let event = try #require(
                try monitor.wait(for: [.bindFailed], timeoutMilliseconds: patienceMilliseconds))
            #expect(event.value == UInt32(EADDRINUSE))
        }

        @Test func aMonitorThatEndsFirstDoesNotStopItsSocket() throws {
            let context = try Context()
            let sink = try Socket(.pull, in: context, options: options())
            let endpoint = try sink.bind("tcp://127.0.0.1:*")
            for round in 1...50 {
                let monitor = try sink.monitor()
                if round.isMultiple(of: 2) { monitor.end() }
                let source = try Socket(.push, in: context, options: options())
                try source.connect(endpoint)
                #expect(try source.send([bytes("\(round)")]))
                #expect(try nextTexts(from: sink) == ["\(round)"])
            }
        }

        @Test func aMonitorOutlivesItsSocket() throws {
            let context = try Context()
            let sink = try Socket(.pull, in: context, options: options())
            var monitor = try sink.monitor()
            sink.close()
            let event = try monitor.wait(for: [.monitorStopped], timeoutMilliseconds: patienceMilliseconds)
            #expect(event?.kind == .monitorStopped)
            #expect(try monitor.next() == nil)
        }
    }
}

extension SocketMonitor {
    /// Ends the monitor here instead of at the end of its scope.
    consuming func end() {}
}
