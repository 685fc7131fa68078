import Simulation

/// How far a venue's numbers are below those that its messages are written with, since it began anew; all of its
/// connections share it.
final class Renumbering {
    /// By stream.
    private var shifts: [String: Int64] = [:]

    func shift(of stream: String) -> Int64 { shifts[stream, default: 0] }

    /// The stream's `current` number, as clients have it, is `next` from now on.
    func renumber(_ stream: String, from current: Int64, to next: Int64) {
        shifts[stream, default: 0] += current - next
    }

    /// The message with the number after `mark` as clients have it.
    func apply(to frame: MarketFrame, after mark: String) -> MarketFrame {
        let shift = shift(of: frame.stream)
        return shift == 0 ? frame : frame.changingNumber(after: mark) { $0 - shift } ?? frame
    }
}
