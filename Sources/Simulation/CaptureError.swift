/// A capture that cannot be played on, and where.
public struct CaptureError: Error, Sendable, Equatable, CustomStringConvertible {
    public enum Problem: Sendable, Equatable {
        /// The line does not begin with `receive_ns ` (digits and a blank).
        case noReceiveTime
        /// The text behind the receive time is not one JSON object.
        case notJSON
        /// A depth, trade or bookTicker frame without the fields it must have.
        case badFrame(stream: String)
        /// A snapshot line without `lastUpdateId`, `bids` and `asks` of `["price","size"]`.
        case badSnapshot
        /// A capture holds one symbol, since a snapshot line names none.
        case otherSymbol(found: String, expected: String)
        /// Event times are not milliseconds.
        case notMilliseconds(Int64)
        /// Before a snapshot or any frame came, the capture ended or the look-ahead limit was reached.
        case noSnapshot
        /// The lines could not be read on, in the words of their source.
        case unreadable(String)
    }

    /// Number of the line, from 1.
    public let line: Int
    public let problem: Problem

    public var description: String { "capture line \(line): \(problem)" }
}

/// Where a capture's lines come from.
public protocol LineSource {
    associatedtype Failure: Error
    /// The next line without its end, or `nil` behind the last.
    mutating func nextLine() throws(Failure) -> [UInt8]?
    /// Starts again with the first line.
    mutating func rewind() throws(Failure)
}
