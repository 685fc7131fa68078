public import ArgumentParser
public import Detection
public import ServiceLifecycle

/// What a `detector` process is told.
public struct DetectorConfiguration: Sendable {
    public var connect: [Endpoint]
    public var publish: [Endpoint]
    /// Where signals are pushed for alerting; empty pushes none.
    public var alerts: [Endpoint]
    public var profile: Profile
}

/// `detector`: feature vectors in, signals out.
public struct DetectorCommand: ServiceCommand {
    public static let configuration = CommandConfiguration(
        commandName: "detector",
        abstract: "Judges feature vectors and publishes signals.",
        discussion: """
            The parameters are those of the classic profile. Settings may also come from the environment \
            (DETECTOR_DRIFT_THRESHOLD, …) or from the section "detector" of --config.
            """,
        version: Version.current)
    public static let scope = "detector"
    public static let defaultMetricsPort = 9103

    @OptionGroup public var common: CommonOptions
    @Option(help: "ZeroMQ endpoints of the features processes (default: tcp://127.0.0.1:5556).") var connect: String?
    @Option(help: "ZeroMQ endpoints to publish signals on (default: tcp://127.0.0.1:5557).") var publish: String?
    @Option(help: "ZeroMQ endpoints of the alerters, or none (default: tcp://127.0.0.1:5558).") var alerts: String?
    @Option(help: "CUSUM threshold in standard deviations (default: 3).") var driftThreshold: String?
    @Option(help: "z-score above which volume and volatility burst (default: 2.5).") var burstThreshold: String?
    @Option(help: "Seconds between two signals of a symbol and type (default: 30).") var cooldownSeconds: String?
    @Option(help: "Scores remembered for the dynamic threshold (default: 500).") var dynamicThresholdWindow: String?

    public init() {}

    public func decode(_ settings: inout Settings) throws(ConfigurationError) -> DetectorConfiguration {
        let classic = Profile.classic
        var profile = classic
        let anyNumber = -Double.greatestFiniteMagnitude...Double.greatestFiniteMagnitude
        profile.driftThreshold = try settings.number(
            "driftThreshold", driftThreshold, default: classic.driftThreshold, in: anyNumber)
        profile.burstThreshold = try settings.number(
            "burstThreshold", burstThreshold, default: classic.burstThreshold, in: anyNumber)
        profile.cooldownSeconds = try settings.number(
            "cooldownSeconds", cooldownSeconds, default: classic.cooldownSeconds, in: anyNumber)
        profile.dynamicThresholdWindow = try settings.integer(
            "dynamicThresholdWindow", dynamicThresholdWindow, default: classic.dynamicThresholdWindow,
            in: Int.min...Int.max)
        do {
            try profile.validate()
        } catch {
            throw ConfigurationError(setting: "profile", problem: "\(error)")
        }
        let alerterList = try settings.list("alerts", alerts, default: ["tcp://127.0.0.1:5558"])
        return DetectorConfiguration(
            connect: try Endpoint.list(
                settings.list("connect", connect, default: ["tcp://127.0.0.1:5556"]), setting: "--connect"),
            publish: try Endpoint.list(
                settings.list("publish", publish, default: ["tcp://127.0.0.1:5557"]), setting: "--publish", use: .bind),
            alerts: alerterList == ["none"] ? [] : try Endpoint.list(alerterList, setting: "--alerts"),
            profile: profile)
    }

    public func services(_ configuration: DetectorConfiguration, _ runtime: ServiceRuntime) throws -> [any Service] {
        [StageThread("detector") { stop in try DetectorStage.run(configuration, runtime, until: stop) }]
    }
}
