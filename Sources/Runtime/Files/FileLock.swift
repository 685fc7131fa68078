import Foundation

/// A file that this process has locked, alone. The kernel frees the lock when the process ends, however it ends; the
/// file stays. Corresponds to `flock`.
package struct FileLock: ~Copyable {
    package let descriptor: Int32

    /// Locks `path`, creating the file if absent.
    ///
    /// - Returns: `nil` if another process holds the lock. Never waits: the holder may be suspended.
    package static func take(_ path: String) throws(LeaseError) -> FileLock? {
        let descriptor = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0o644)
        guard descriptor >= 0 else { throw LeaseError(path, errno) }
        while flock(descriptor, LOCK_EX | LOCK_NB) != 0 {
            if errno == EINTR { continue }
            let reason = errno
            close(descriptor)
            guard reason == EWOULDBLOCK else { throw LeaseError(path, reason) }
            return nil
        }
        return FileLock(descriptor: descriptor)
    }

    private init(descriptor: Int32) { self.descriptor = descriptor }

    deinit { close(descriptor) }

    /// Replaces the file's content.
    package borrowing func write(_ text: String) {
        let bytes = Array(text.utf8)
        guard ftruncate(descriptor, 0) == 0 else { return }
        _ = bytes.withUnsafeBytes { pwrite(descriptor, $0.baseAddress, $0.count, 0) }
    }
}

/// An unusable file or directory that processes share.
package struct LeaseError: Error, CustomStringConvertible {
    package let description: String

    package init(_ path: String, _ code: Int32) { self.init(path, reason: String(cString: strerror(code))) }

    package init(_ path: String, reason: String) { description = "'\(path)' cannot be used: \(reason)" }
}
