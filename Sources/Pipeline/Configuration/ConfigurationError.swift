/// A setting that cannot be used: one clear line, exit code 78.
public struct ConfigurationError: Error, CustomStringConvertible, Equatable {
    /// The setting as its user wrote it: `--metrics-port`, `INGEST_METRICS_PORT`, `ingest.metricsPort in FILE`.
    public let setting: String
    public let problem: String

    public init(setting: String, problem: String) {
        self.setting = setting
        self.problem = problem
    }

    public var description: String { "\(setting): \(problem)" }
}
