import Foundation

/// A file that appears whole or not at all: it is written under a temporary name until `close` renames it.
package struct OutputFile: ~Copyable {
    package enum Failure: Error, CustomStringConvertible {
        case exists(String)
        case isSource(String)
        case cannotCreate(String, reason: String)
        case cannotWrite(String, reason: String)

        package var isCreation: Bool { if case .cannotWrite = self { false } else { true } }

        package var description: String {
            switch self {
            case .exists(let path): "\(path) exists; use --force to replace it"
            case .isSource(let path): "\(path) is what is being read; write to another file"
            case .cannotCreate(let path, let reason): "cannot create \(path): \(reason)"
            case .cannotWrite(let path, let reason): "cannot write \(path): \(reason)"
            }
        }
    }

    private static let bufferBytes = 1 << 20

    private let path: String
    /// The path as shown in messages.
    private var name: String { path == "-" ? "standard output" : path }
    private let temporaryPath: String?
    private let descriptor: Int32
    private var buffer: [UInt8] = []
    private var isClosed = false

    /// - Parameters:
    ///   - path: `-` is standard output.
    ///   - sources: files being read; they are never replaced, under any name.
    package init(path: String, replacesExisting: Bool, sources: [String]) throws(Failure) {
        let (descriptor, temporaryPath) = try Self.create(path, replacesExisting, sources)
        self.path = path
        self.temporaryPath = temporaryPath
        self.descriptor = descriptor
    }

    private static func create(
        _ path: String, _ replacesExisting: Bool, _ sources: [String]
    ) throws(Failure) -> (descriptor: Int32, temporaryPath: String?) {
        guard path != "-" else { return (STDOUT_FILENO, nil) }
        // Pipes and devices are written directly; only a regular file can be swapped.
        var status = stat()
        let exists = stat(path, &status) == 0
        let isPlain = !exists || status.st_mode & S_IFMT == S_IFREG
        guard replacesExisting || !exists || !isPlain else { throw .exists(path) }
        for source in exists ? sources : [] {
            var other = stat()
            if stat(source, &other) == 0, other.st_dev == status.st_dev, other.st_ino == status.st_ino {
                throw .isSource(path)
            }
        }
        let target = isPlain ? "\(path).\(getpid()).partial" : path
        let descriptor = open(target, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0o644)
        guard descriptor >= 0 else { throw .cannotCreate(path, reason: String(cString: strerror(errno))) }
        return (descriptor, isPlain ? target : nil)
    }

    deinit {
        guard !isClosed, path != "-" else { return }
        if descriptor >= 0 { Foundation.close(descriptor) }
        if let temporaryPath { unlink(temporaryPath) }
    }

    package mutating func write(_ bytes: [UInt8]) throws(Failure) {
        buffer.append(contentsOf: bytes)
        if buffer.count >= Self.bufferBytes { try flush() }
    }

    /// Writes the remaining bytes and renames the file.
    package mutating func close() throws(Failure) {
        try flush()
        guard path != "-" else { return }
        guard temporaryPath == nil || fsync(descriptor) == 0, Foundation.close(descriptor) == 0 else {
            throw .cannotWrite(path, reason: String(cString: strerror(errno)))
        }
        isClosed = true
        guard let temporaryPath, rename(temporaryPath, path) != 0 else { return }
        unlink(temporaryPath)
        throw .cannotCreate(path, reason: String(cString: strerror(errno)))
    }

    private mutating func flush() throws(Failure) {
        var used = 0
        while used < buffer.count {
            let count = buffer.withUnsafeBytes {
                Foundation.write(descriptor, $0.baseAddress?.advanced(by: used), $0.count - used)
            }
            if count > 0 {
                used += count
            } else if errno != EINTR {
                throw .cannotWrite(name, reason: String(cString: strerror(errno)))
            }
        }
        buffer.removeAll(keepingCapacity: true)
    }
}
