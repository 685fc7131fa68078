/// A setting that cannot be used: one clear line, exit code 78.
package struct ConfigurationError: Error, CustomStringConvertible, Equatable {
    /// The setting as its user wrote it: `--metrics-port`, `INGEST_METRICS_PORT`, `ingest.metricsPort in FILE`.
    package let setting: String
    package let problem: String

    package init(setting: String, problem: String) {
        self.setting = setting
        self.problem = problem
    }

    package var description: String { "\(setting): \(problem)" }
}
