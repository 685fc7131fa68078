@testable import Engines
@testable import Runtime
import Detection
import Foundation
import TestSupport
import Testing

/// A setting that the chosen profile does not use is refused, from whatever layer it comes.
@Suite struct DetectorSettingsTests {
    private func problem(_ arguments: [String], file: String? = nil, _ environment: [String: String] = [:]) async throws
        -> ConfigurationError?
    {
        let folder = try TestFiles.temporaryFolder()
        defer { try? FileManager.default.removeItem(at: folder) }
        let path = folder.path + "/settings.json"
        if let file { try Data(file.utf8).write(to: URL(filePath: path)) }
        do {
            var settings = try await Settings(
                scope: "detector", file: file == nil ? nil : path, environment: environment)
            _ = try DetectorCommand.parse(arguments + ["--state-dir", folder.path]).decode(&settings)
            _ = try CommonConfiguration(.parse([]), &settings, defaultPort: 0)
            try settings.checkFile()
            return nil
        } catch {
            return error as? ConfigurationError
        }
    }

    @Test(
        arguments: [
            ["--drift-threshold", "4"], ["--burst-threshold", "3"], ["--regime-threshold", "0.5"],
            ["--dynamic-threshold-window", "9"], ["--profile", "classic", "--signals-per-day", "10"],
        ])
    func whatTheProfileDoesNotUseIsRefused(arguments: [String]) async throws {
        let error = try await problem(arguments)
        #expect(error?.setting == arguments.suffix(2).first)
        #expect(error?.problem.hasPrefix("has no effect: the profile ") == true, "\(error?.problem ?? "")")
    }

    @Test func theLayerIsNamed() async throws {
        let file = try await problem([], file: #"{"detector": {"driftThreshold": 4}}"#)
        #expect(file?.setting.hasPrefix("detector.driftThreshold in ") == true)
        let variable = try await problem(["--profile", "classic"], ["DETECTOR_SIGNALS_PER_DAY": "4"])
        #expect(variable?.setting == "DETECTOR_SIGNALS_PER_DAY")
        let both = try await problem([], file: #"{"detector": {"profile": "classic", "signalsPerDay": 4}}"#)
        #expect(both?.setting.hasPrefix("detector.signalsPerDay in ") == true)
    }

    @Test(
        arguments: [
            [], ["--signals-per-day", "10"], ["--cooldown-seconds", "5"],
            [
                "--profile", "classic", "--drift-threshold", "4", "--burst-threshold", "3", "--regime-threshold", "0.5",
                "--dynamic-threshold-window", "9",
            ],
        ])
    func whatTheProfileUsesIsTaken(arguments: [String]) async throws {
        let error = try await problem(arguments)
        #expect(error == nil, "\(error?.description ?? "")")
    }

    @Test func aProfileWithoutSuchDetectorsOrWithTheirOwnThresholdsSaysSo() {
        var profile = Profile.classic
        profile.detectors = [.init(.cusum, "imbalance_10", threshold: 4)]
        #expect(profile.ineffectiveness(of: .driftThreshold)?.contains("threshold of its own") == true)
        #expect(profile.ineffectiveness(of: .burstThreshold)?.contains("no detector") == true)
        #expect(profile.ineffectiveness(of: .adwinDelta) != nil && profile.ineffectiveness(of: .cusumDrift) == nil)
        profile.budget = .init(signalsPerDay: 24, evidenceThreshold: 8, gain: 0)
        #expect(profile.ineffectiveness(of: .signalsPerDay)?.contains("gain 0") == true)
    }
}
