import Runtime
import Foundation
import Logging
import Venues

/// Keeps connection attempts within the venue's limit. All processes that share the file are counted together, since
/// the venue counts by address. Without a usable file, this process counts only itself.
///
/// The file holds the times of the last attempts (nanoseconds of the host's monotonic clock), and is read and written
/// under its lock.
final class ConnectBudget {
    /// Attempts within the window.
    let limit: Int
    private let windowNanoseconds: Int64

    /// Wait before retrying while another process holds the file's lock.
    private static let busyNanoseconds: Int64 = 20_000_000

    private let path: String?
    private let logger: Logger
    private var own: [Int64] = []
    private var hasWarned = false
    /// Attempts in the window, as of this process's last attempt.
    private(set) var used = 0

    init(_ limits: VenueLimits, path: String?, logger: Logger) {
        limit = limits.connectionAttempts
        windowNanoseconds = Int64(limits.connectionWindowSeconds) * 1_000_000_000
        self.path = path
        self.logger = logger
    }

    /// Takes one attempt; otherwise returns how long to wait before asking again, in ns.
    func take(at now: Int64 = HostClock.monotonicNanoseconds) -> Int64? {
        guard let path else { return takeAlone(at: now) }
        do {
            guard let lock = try FileLock.take(path) else { return Self.busyNanoseconds }
            var moments = read(lock.descriptor)
            let wait = take(from: &moments, at: now)
            try Self.write(moments, to: lock.descriptor, path)
            return wait
        } catch {
            if !hasWarned {
                logger.warning(
                    "the shared budget cannot be used; this process counts alone", metadata: ["error": "\(error)"])
                hasWarned = true
            }
            return takeAlone(at: now)
        }
    }

    private func takeAlone(at now: Int64) -> Int64? {
        var moments = own
        defer { own = moments }
        return take(from: &moments, at: now)
    }

    private func take(from moments: inout [Int64], at now: Int64) -> Int64? {
        // A time in the future dates from before the host's last boot.
        moments.removeAll { $0 > now || now - $0 >= windowNanoseconds }
        used = moments.count
        if moments.count >= limit, let oldest = moments.min() { return oldest + windowNanoseconds - now }
        moments.append(now)
        used += 1
        return nil
    }

    private func read(_ descriptor: Int32) -> [Int64] {
        var moments = [Int64](repeating: 0, count: limit)
        let count = moments.withUnsafeMutableBytes { pread(descriptor, $0.baseAddress, $0.count, 0) }
        return Array(moments.prefix(max(0, count) / MemoryLayout<Int64>.stride))
    }

    private static func write(_ moments: [Int64], to descriptor: Int32, _ path: String) throws(LeaseError) {
        let bytes = moments.count * MemoryLayout<Int64>.stride
        let written = moments.withUnsafeBytes { pwrite(descriptor, $0.baseAddress, $0.count, 0) }
        guard written == bytes, ftruncate(descriptor, off_t(bytes)) == 0 else { throw LeaseError(path, errno) }
    }
}
