public import Simulation

/// A recorded capture's file: plain, gzip or Zstandard.
public final class CaptureFile: LineSource {
    public let path: String
    private var reader: LineReader

    public init(path: String) throws(LineReaderError) {
        self.path = path
        reader = try LineReader(path: path)
    }

    /// Bytes of the file read so far.
    public var bytesRead: Int { reader.bytesRead }

    public func nextLine() throws(LineReaderError) -> [UInt8]? { try reader.next() }

    public func rewind() throws(LineReaderError) { reader = try LineReader(path: path) }
}
