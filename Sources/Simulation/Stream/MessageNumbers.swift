/// A venue's own count of a book's messages, and which number each change written lately ended with, by the book's update
/// id: a snapshot states the number of the last change that it contains.
struct MessageNumbers: Sendable {
    /// More than the changes that are written and not yet sent.
    private static let memory = 64

    private var last: Int64
    private var changes: [(id: Int64, last: Int64)] = []
    /// Before the oldest change kept.
    private var earlier: Int64

    /// - Parameter number: that of the book before the first change.
    init(after number: Int64) { (last, earlier) = (number, number) }

    /// The next message's.
    mutating func next() -> Int64 {
        last += 1
        return last
    }

    /// The messages of a change are written.
    mutating func note(_ updateID: Int64) {
        changes.append((updateID, last))
        if changes.count > Self.memory { earlier = changes.removeFirst().last }
    }

    /// The number of the book after update `updateID`.
    func number(at updateID: Int64) -> Int64 { changes.last { $0.id <= updateID }?.last ?? earlier }
}
