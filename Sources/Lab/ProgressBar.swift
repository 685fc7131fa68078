import Runtime
import Foundation
import Synchronization

/// Shows the progress of a long command on standard error: a bar, the rate and the time left. On a terminal only,
/// unless requested.
final class ProgressBar {
    private static let width = 24
    private static let redrawNanoseconds: Int64 = 200_000_000

    let total: Int
    private let isShown: Bool
    private let begin = HostClock.monotonicNanoseconds
    private var lastDraw: Int64 = 0
    private var hasDrawn = false

    /// - Parameter total: the final value given to `update`, in bytes.
    init(total: Int, always: Bool = false, isQuiet: Bool = false) {
        self.total = total
        isShown = always || (isatty(STDERR_FILENO) == 1 && !isQuiet)
    }

    /// Draws the bar if it is due. Throws `CancellationError` once the user has asked to stop.
    func update(_ done: Int) throws {
        if Interrupt.isRequested { throw CancellationError() }
        guard isShown else { return }
        let now = HostClock.monotonicNanoseconds
        guard now - lastDraw >= Self.redrawNanoseconds else { return }
        lastDraw = now
        draw(done, at: now)
    }

    /// Clears the line.
    func finish() {
        guard hasDrawn else { return }
        Self.write("\r\u{1B}[K")
        hasDrawn = false
    }

    private func draw(_ done: Int, at now: Int64) {
        hasDrawn = true
        let share = total > 0 ? min(1, Double(done) / Double(total)) : 0
        let seconds = Double(now - begin) / 1e9
        let rate = seconds > 0 ? Double(done) / seconds : 0
        let left = rate > 0 ? Double(max(0, total - done)) / rate : 0
        let filled = Int(share * Double(Self.width))
        let bar = String(repeating: "#", count: filled) + String(repeating: ".", count: Self.width - filled)
        Self.write(
            String(
                format: "\r[%@] %3.0f %%  %.1f of %.1f MB  %.1f MB/s  %d:%02d left\u{1B}[K", bar, share * 100,
                Double(done) / 1e6, Double(total) / 1e6, rate / 1e6, Int(left) / 60, Int(left) % 60))
    }

    private static func write(_ text: String) { FileHandle.standardError.write(Data(text.utf8)) }
}

/// SIGINT and SIGTERM as a flag, for commands that must tidy up.
enum Interrupt {
    private static let flag = Atomic<Bool>(false)

    static var isRequested: Bool { flag.load(ordering: .relaxed) }

    static func watch() {
        // The flag must exist before a handler touches it.
        _ = isRequested
        for number in [SIGINT, SIGTERM] { signal(number) { _ in Interrupt.flag.store(true, ordering: .relaxed) } }
    }
}
