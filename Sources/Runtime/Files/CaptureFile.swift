/// A recorded capture's file: plain, gzip, Zstandard, or the one file in a zip archive.
package final class CaptureFile {
    package let path: String
    private var reader: LineReader

    package init(path: String) throws(LineReaderError) {
        self.path = path
        reader = try LineReader(path: path)
    }

    /// Bytes of the file read so far.
    package var bytesRead: Int { reader.bytesRead }

    package func nextLine() throws(LineReaderError) -> [UInt8]? { try reader.next() }

    package func rewind() throws(LineReaderError) { reader = try LineReader(path: path) }
}
