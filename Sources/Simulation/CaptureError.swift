/// Why a recording cannot be played further, and at which line.
public struct CaptureError: Error, Sendable, Equatable, CustomStringConvertible {
    public enum Problem: Sendable, Equatable {
        /// The line does not begin with `receive_ns ` (digits and a space).
        case noReceiveTime
        /// The text after the receive time is not one JSON object.
        case notJSON
        /// A depth, trade or quote frame lacks a required field.
        case badFrame(stream: String)
        /// A snapshot line holds no book.
        case badSnapshot
        /// A recording holds one symbol, since a snapshot line names none.
        case otherSymbol(found: String, expected: String)
        /// Event times are not milliseconds.
        case notMilliseconds(Int64)
        /// The recording ended, or the look-ahead limit was reached, before both a snapshot and a frame were found.
        case noSnapshot
        /// Recordings are played in Binance's protocol only.
        case otherVenue
        /// The source of the lines failed; this is its own description.
        case unreadable(String)
    }

    /// The line's number, from 1.
    public let line: Int
    public let problem: Problem

    public var description: String { "capture line \(line): \(problem)" }
}

/// The source of a recording's lines.
public protocol LineSource {
    associatedtype Failure: Error
    /// The next line without its line end, or `nil` after the last.
    mutating func nextLine() throws(Failure) -> [UInt8]?
    /// Goes back to the first line.
    mutating func rewind() throws(Failure)
}
