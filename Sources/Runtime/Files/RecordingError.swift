/// A recording that cannot be played or audited.
package struct RecordingError: Error, CustomStringConvertible {
    package let path: String
    package let problem: String

    package init(path: String, problem: String) {
        self.path = path
        self.problem = problem
    }

    package var description: String { "\(path): \(problem)" }
}
