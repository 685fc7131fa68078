import Foundation

/// Wakes a thread that waits in `poll` on several descriptors, by writing to a pipe.
package final class WakeSignal: Sendable {
    /// Readable after `wake()`, until `clear()`.
    package let fileDescriptor: Int32
    private let writeEnd: Int32

    package init() throws(ConfigurationError) {
        var ends: [Int32] = [-1, -1]
        guard pipe(&ends) == 0 else {
            throw ConfigurationError(setting: "pipe", problem: String(cString: strerror(errno)))
        }
        for end in ends {
            _ = fcntl(end, F_SETFL, O_NONBLOCK)
            _ = fcntl(end, F_SETFD, FD_CLOEXEC)
        }
        (fileDescriptor, writeEnd) = (ends[0], ends[1])
    }

    deinit {
        close(fileDescriptor)
        close(writeEnd)
    }

    /// Any thread. A full pipe wakes as well.
    package func wake() {
        var byte: UInt8 = 1
        _ = write(writeEnd, &byte, 1)
    }

    package func clear() {
        var bytes = [UInt8](repeating: 0, count: 4_096)
        while read(fileDescriptor, &bytes, bytes.count) == bytes.count {}
    }
}
