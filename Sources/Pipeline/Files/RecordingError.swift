/// A recording that cannot be played or audited.
struct RecordingError: Error, CustomStringConvertible {
    let path: String
    let problem: String
    var description: String { "\(path): \(problem)" }
}
