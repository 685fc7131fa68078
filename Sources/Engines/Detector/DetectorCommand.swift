import ZeroMQ
import Bus
import Runtime
import Storage
import ArgumentParser
import Detection
import ServiceLifecycle
import Wire

/// Settings of a `detector` process.
package struct DetectorConfiguration: Sendable {
    package var connect: [Endpoint]
    package var profile: Profile
    /// Folder that keeps the detectors' states across restarts.
    package var bankFolder: String
    package var log: SignalLogConfiguration
    /// The shard of the symbols that this process handles.
    package var shard: ShardChoice
    /// Keys that encrypt the bus; `nil` means plain text.
    package var security: CurveSecurity?

    /// A copy with the shard's number, from 1, in place of `{slot}` in the bank folder and log path.
    func at(_ shard: Shard) -> DetectorConfiguration {
        var configuration = self
        configuration.bankFolder.replace("{slot}", with: "\(shard.index + 1)")
        configuration.log.path.replace("{slot}", with: "\(shard.index + 1)")
        return configuration
    }
}

/// `detector`: feature vectors in, signals out.
package struct DetectorCommand: ServiceCommand {
    package static let configuration = CommandConfiguration(
        commandName: "detector",
        abstract: "Judges feature vectors and publishes signals.",
        discussion: """
            The profile says which detectors run, and when they signal: calibrated (the default) keeps to a number of \
            signals a day, classic has fixed thresholds, and microlab calibrate writes others. Settings may also come from the environment \
            (DETECTOR_DRIFT_THRESHOLD, …) or from the section "detector" of --config.
            """,
        version: Version.current)
    package static let scope = "detector"
    package static let defaultMetricsPort = 9103

    @OptionGroup package var common: CommonOptions
    @Option(help: "ZeroMQ endpoints of the features processes (default: tcp://127.0.0.1:5556).") var connect: String?
    @Option(help: "ZeroMQ endpoints to publish signals on (default: tcp://127.0.0.1:5557).") var publish: String?
    @Option(help: "ZeroMQ endpoints of the alerters, or none (default: tcp://127.0.0.1:5558).") var alerts: String?
    @Option(help: "ZeroMQ endpoints of the signal log's replay service, or none (default: tcp://127.0.0.1:5559).")
    var replay: String?
    @Option(
        help:
            "Folder of the signal log, where {slot} is the part's number (default: $STATE_DIRECTORY, else ~/.local/state/microstructure)."
    )
    var stateDir: String?
    @Option(help: "Days that the log keeps a signal (default: 30).") var retentionDays: String?
    @Option(help: "Megabytes that the log may use; beyond it the oldest signals go (default: 1024).")
    var retentionMegabytes: String?
    @Option(help: "calibrated, events, classic, or a profile's file (default: calibrated).") var profile: String?
    @Option(help: "Calibrated: signals a day and symbol to keep to (default: the profile's).")
    var signalsPerDay: String?
    @Option(help: "Classic: CUSUM threshold in standard deviations (default: 3).") var driftThreshold: String?
    @Option(help: "Classic: z-score above which volume and volatility burst (default: 2.5).")
    var burstThreshold: String?
    @Option(help: "Classic: probability of a new regime that is one (default: 0.7).") var regimeThreshold: String?
    @Option(help: "Seconds between two signals of a symbol and type (default: 30).") var cooldownSeconds: String?
    @Option(help: "Classic: scores remembered for the dynamic threshold (default: 500).")
    var dynamicThresholdWindow: String?
    @OptionGroup var shard: ShardOptions

    /// Settings that some profiles do not use.
    private static let dependentSettings: [(setting: String, member: Profile.DependentMember)] = [
        ("driftThreshold", .driftThreshold), ("burstThreshold", .burstThreshold),
        ("regimeThreshold", .regimeThreshold), ("dynamicThresholdWindow", .dynamicThresholdWindow),
        ("signalsPerDay", .signalsPerDay),
    ]

    package init() {}

    package func decode(_ settings: inout Settings) throws(ConfigurationError) -> DetectorConfiguration {
        let profileName = try settings.string("profile", profile, default: "calibrated")
        var profile: Profile
        do {
            profile = try ProfileFile.load(profileName)
        } catch {
            throw ConfigurationError(setting: "profile", problem: error.problem)
        }
        let anyNumber = -Double.greatestFiniteMagnitude...Double.greatestFiniteMagnitude
        profile.driftThreshold = try settings.number(
            "driftThreshold", driftThreshold, default: profile.driftThreshold, in: anyNumber)
        profile.burstThreshold = try settings.number(
            "burstThreshold", burstThreshold, default: profile.burstThreshold, in: anyNumber)
        profile.regimeThreshold = try settings.number(
            "regimeThreshold", regimeThreshold, default: profile.regimeThreshold, in: anyNumber)
        profile.cooldownSeconds = try settings.number(
            "cooldownSeconds", cooldownSeconds, default: profile.cooldownSeconds, in: anyNumber)
        profile.dynamicThresholdWindow = try settings.integer(
            "dynamicThresholdWindow", dynamicThresholdWindow, default: profile.dynamicThresholdWindow,
            in: Int.min...Int.max)
        let rate = try settings.number(
            "signalsPerDay", signalsPerDay, default: profile.budget?.signalsPerDay ?? 0, in: anyNumber)
        profile.budget?.signalsPerDay = rate
        for (setting, member) in Self.dependentSettings {
            if let reason = profile.ineffectiveness(of: member) { try settings.refuse(setting, because: reason) }
        }
        do {
            try profile.validate()
        } catch {
            throw ConfigurationError(setting: "profile", problem: "\(error)")
        }
        let alerterList = try settings.list("alerts", alerts, default: ["tcp://127.0.0.1:5558"])
        let replayList = try settings.list("replay", replay, default: ["tcp://127.0.0.1:5559"])
        let folder = try settings.string("stateDir", stateDir, default: StateFolder.standard())
        var log = SignalLogConfiguration(
            path: folder + "/signals.sqlite",
            publish: try Endpoint.list(
                settings.list("publish", publish, default: ["tcp://127.0.0.1:5557"]), setting: "--publish", use: .bind),
            alerts: alerterList == ["none"] ? [] : try Endpoint.list(alerterList, setting: "--alerts"),
            replay: replayList == ["none"] ? [] : try Endpoint.list(replayList, setting: "--replay", use: .bind))
        log.security = try BusSecurity.decode(&settings)
        log.retentionDays = try settings.number("retentionDays", retentionDays, default: 30, in: 0.01...36_500)
        log.retentionBytes =
            try settings.integer("retentionMegabytes", retentionMegabytes, default: 1_024, in: 1...1_000_000) << 20
        return DetectorConfiguration(
            connect: try Endpoint.list(
                settings.list("connect", connect, default: ["tcp://127.0.0.1:5556"]), setting: "--connect"),
            profile: profile, bankFolder: folder + "/detectors", log: log,
            shard: try shard.decode(&settings), security: log.security)
    }

    package func services(_ configuration: DetectorConfiguration, _ runtime: ServiceRuntime) throws -> [any Service] {
        let wake = try WakeSignal()
        let queue = Mailbox<UnloggedSignal>(limit: SignalLogStage.queueLimit, waking: { wake.wake() })
        let states = Mailbox<DetectorReport>(limit: FeatureMarkets.symbolLimit, waking: { wake.wake() })
        // Services stop in reverse order: the log stops last and takes the detector's final signals.
        let claim = ShardClaim(configuration.shard, of: "detector", runtime)
        return [
            StageThread("log") { stop in
                guard let shard = try claim.take(part: "log", until: stop) else { return }
                try SignalLogStage.run(
                    configuration.at(shard).log, runtime, from: queue, reports: states, wokenBy: wake, until: stop)
            },
            StageThread("detector") { stop in
                guard let shard = try claim.take(part: "detector", until: stop) else { return }
                try DetectorStage.run(
                    configuration.at(shard), shard, runtime, into: queue, reports: states, until: stop)
            },
        ]
    }
}
