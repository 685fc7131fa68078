import Foundation
import Synchronization
import Testing
import ZeroMQ

/// One after the other: a test counts the descriptors of the whole process.
@Suite(.serialized, .timeLimit(.minutes(2)))
enum ZeroMQTests {}

/// Long enough for any machine; reached only on failure.
let patienceMilliseconds = 20_000

func bytes(_ text: String) -> [UInt8] { Array(text.utf8) }

/// Options whose unsent messages do not delay the end of a test.
func options(_ change: (inout SocketOptions) -> Void = { _ in }) -> SocketOptions {
    var options = SocketOptions()
    options.lingerMilliseconds = 0
    options.reconnectIntervalMilliseconds = 10
    change(&options)
    return options
}

/// The next message, or `false` when none came in time.
func next(from socket: borrowing Socket, into message: inout Message) throws -> Bool {
    var poller = Poller(capacity: 1)
    _ = try poller.add(socket)
    guard try poller.wait(timeoutMilliseconds: patienceMilliseconds) == .ready(1) else { return false }
    return try socket.tryReceive(into: &message) == .received
}

/// The frames of the next message as text; empty when none came in time.
func nextTexts(from socket: borrowing Socket) throws -> [String] {
    var message = Message()
    guard try next(from: socket, into: &message) else { return [] }
    var texts: [String] = []
    for index in 0..<message.frameCount { texts.append(message.text(index)) }
    return texts
}

extension Socket {
    func offer(_ topic: String, _ body: String) throws(ZMQError) -> SendOutcome {
        let (topic, body) = (bytes(topic), bytes(body))
        return try offer(topic: topic.span.bytes, body: body.span.bytes)
    }

    func offer(_ text: String) throws(ZMQError) -> SendOutcome {
        let text = bytes(text)
        return try offer(text.span.bytes)
    }

    func has(_ message: inout Message) throws(ZMQError) -> Bool {
        try tryReceive(into: &message) != .wouldBlock
    }
}

func holds(_ condition: () throws -> Bool) rethrows -> Bool {
    let deadline = ContinuousClock.now + .milliseconds(patienceMilliseconds)
    while ContinuousClock.now < deadline {
        if try condition() { return true }
        sched_yield()
    }
    return false
}

/// A thread with a result, and a look at whether it sleeps in the kernel.
final class Worker<Value: Sendable>: @unchecked Sendable {
    private let finished = DispatchSemaphore(value: 0)
    /// The thread lives until `join`, so that it can be sent signals after its work is done.
    private let released = DispatchSemaphore(value: 0)
    private let done = Atomic<Bool>(false)
    private let started = DispatchSemaphore(value: 0)
    private var result: Result<Value, any Error>?
    private var directory = ""
    private var thread: pthread_t = 0

    init(_ body: @escaping @Sendable () throws -> Value) {
        Thread.detachNewThread { [self] in
            let link = try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/thread-self")
            directory = "/proc/\(link ?? "")"
            thread = pthread_self()
            // A test runner may start its processes with signals blocked, which threads inherit.
            var interrupting = sigset_t()
            sigemptyset(&interrupting)
            sigaddset(&interrupting, SIGUSR1)
            pthread_sigmask(SIG_UNBLOCK, &interrupting, nil)
            started.signal()
            result = Result { try body() }
            done.store(true, ordering: .sequentiallyConsistent)
            finished.signal()
            released.wait()
        }
        started.wait()
    }

    var isFinished: Bool { done.load(ordering: .sequentiallyConsistent) }

    /// Waits for the result, once.
    func join() throws -> Value {
        defer { released.signal() }
        guard finished.wait(timeout: .now() + .milliseconds(patienceMilliseconds)) == .success else {
            throw WorkerError.stuck
        }
        return try #require(result).get()
    }

    func waitUntilAsleep() -> Bool {
        holds {
            let stat = try? String(contentsOfFile: "\(directory)/stat", encoding: .utf8)
            return stat?.split(separator: ")").last?.hasPrefix(" S") ?? false
        }
    }

    /// Sends a signal and waits until the thread has handled it.
    func interrupt() -> Bool {
        let before = interruptions.load(ordering: .sequentiallyConsistent)
        pthread_kill(thread, SIGUSR1)
        return holds { interruptions.load(ordering: .sequentiallyConsistent) > before }
    }
}

enum WorkerError: Error { case stuck }

let interruptions = Atomic<Int>(0)

/// Signals that end a system call with EINTR, as a handler installed without SA_RESTART does.
func installInterruptingHandler() {
    var action = sigaction()
    action.__sigaction_handler.sa_handler = { _ in interruptions.add(1, ordering: .sequentiallyConsistent) }
    sigaction(SIGUSR1, &action, nil)
}
