@testable import ExchangeSim
@testable import Runtime
import Foundation
import Testing

@Suite struct SettingsTests {
    private func file(_ text: String) throws -> String {
        let path = FileManager.default.temporaryDirectory.appending(path: "settings-\(UUID().uuidString).json").path
        try Data(text.utf8).write(to: URL(filePath: path))
        return path
    }

    private func failure(_ body: () async throws -> Void) async -> ConfigurationError? {
        do {
            try await body()
            return nil
        } catch { return error as? ConfigurationError }
    }

    @Test func theHigherLayerWins() async throws {
        let path = try file(#"{"ingest": {"depth": 7, "reconnectDelay": 3, "symbols": ["A", "B"]}}"#)
        defer { try? FileManager.default.removeItem(atPath: path) }
        var settings = try await Settings(
            scope: "ingest", file: path, environment: ["INGEST_DEPTH": "8", "INGEST_RECONNECT_DELAY": ""])
        #expect(try settings.integer("depth", "9", default: 1, in: 1...10) == 9)
        #expect(try settings.integer("depth", nil, default: 1, in: 1...10) == 8)
        // An empty variable is not set; a whole number of the file is a number.
        #expect(try settings.number("reconnectDelay", nil, default: 1, in: 0...10) == 3)
        #expect(try settings.list("symbols", nil, default: []) == ["A", "B"])
        #expect(try settings.string("other", nil, default: "x") == "x")
        #expect(settings.effective.map(\.source).last == "default")
        #expect(settings.effective[0].source == "--depth")
        #expect(settings.effective[1].source == "INGEST_DEPTH")
        #expect(settings.effective[2].source.contains(path))
    }

    @Test func aBadValueNamesItsSourceAndWhatIsWrong() async throws {
        let path = try file(#"{"ingest": {"depth": "seven"}}"#)
        defer { try? FileManager.default.removeItem(atPath: path) }
        let environment = ["INGEST_STALE_AFTER": "soon"]
        let fromFile = await failure {
            var settings = try await Settings(scope: "ingest", file: path, environment: environment)
            _ = try settings.integer("depth", nil, default: 1, in: 1...10)
        }
        #expect(fromFile?.setting.contains("ingest.depth") == true)
        let fromEnvironment = await failure {
            var settings = try await Settings(scope: "ingest", file: nil, environment: environment)
            _ = try settings.number("staleAfter", nil, default: 1, in: 1...10)
        }
        #expect(fromEnvironment == ConfigurationError(setting: "INGEST_STALE_AFTER", problem: "'soon' is not a number"))
        let outside = await failure {
            var settings = try await Settings(scope: "ingest", file: nil, environment: [:])
            _ = try settings.integer("metricsPort", "70000", default: 1, in: 0...65_535)
        }
        #expect(outside == ConfigurationError(setting: "--metrics-port", problem: "70000 is outside 0…65535"))
        // A value that fits a lower layer does not excuse a bad one above it.
        let nan = await failure {
            var settings = try await Settings(scope: "ingest", file: nil, environment: [:])
            _ = try settings.number("x", "nan", default: 1, in: 0...1)
        }
        #expect(nan != nil)
    }

    @Test(
        arguments: [
            (["--synthetic", "A B"], "--synthetic"), (["--synthetic", "BTCUSDT,btcusdt"], "--synthetic"),
            (["--synthetic", "ABCDEFGHIJKLMNOPQRSTU"], "--synthetic"), (["--capture", "/nonexistent"], "--capture"),
            (["--delays", "some"], "--delays"),
        ] as [([String], String)])
    func aSimulatorThatCannotRunSaysSoAtOnce(_ arguments: [String], _ setting: String) async throws {
        let error = await failure {
            var settings = try await Settings(scope: "simulator", file: nil, environment: [:])
            _ = try ExchangeSimCommand.parse(arguments).decode(&settings)
        }
        #expect(error?.setting == setting)
    }

    /// What only a synthetic market has is not ignored beside a recording, nor the reverse; from any layer.
    @Test func aSettingWithoutEffectIsRefused() async throws {
        let capture = try file("1 {}")
        defer { try? FileManager.default.removeItem(atPath: capture) }
        let cases: [(arguments: [String], environment: [String: String], setting: String)] = [
            (["--capture", capture, "--synthetic", "BTCUSDT"], [:], "--synthetic"),
            (["--capture", capture], ["SIMULATOR_SYNTHETIC": "BTCUSDT"], "SIMULATOR_SYNTHETIC"),
            (["--capture", capture, "--seed", "3"], [:], "--seed"),
            (["--capture", capture], ["SIMULATOR_ORDER_RATE": "50"], "SIMULATOR_ORDER_RATE"),
            (["--loop"], [:], "--loop"),
        ]
        for (arguments, environment, setting) in cases {
            let error = await failure {
                var settings = try await Settings(scope: "simulator", file: nil, environment: environment)
                _ = try ExchangeSimCommand.parse(arguments).decode(&settings)
            }
            #expect(error?.setting == setting && error?.problem.hasPrefix("has no effect: ") == true, "\(arguments)")
        }
        for arguments in [["--capture", capture, "--loop"], ["--seed", "3", "--order-rate", "50"]] {
            let error = await failure {
                var settings = try await Settings(scope: "simulator", file: nil, environment: [:])
                _ = try ExchangeSimCommand.parse(arguments).decode(&settings)
            }
            #expect(error == nil)
        }
    }

    @Test func aFileThatCannotBeReadIsSaidInWords() async throws {
        let missing = await failure { _ = try await Settings(scope: "ingest", file: "/nonexistent/x.json") }
        #expect(missing?.problem == "cannot be read as JSON: The file doesn’t exist.")
        let folder = await failure { _ = try await Settings(scope: "ingest", file: "/tmp") }
        #expect(folder?.problem == "is a folder; name a JSON file")
        let path = try file("{")
        defer { try? FileManager.default.removeItem(atPath: path) }
        let broken = await failure { _ = try await Settings(scope: "ingest", file: path) }
        #expect(broken?.problem.hasPrefix("cannot be read as JSON: ") == true)
        #expect(broken?.problem.contains("Error") == false, "\(broken?.problem ?? "")")
    }

    @Test func anUnknownKeyInTheFileIsRefused() async throws {
        for text in [#"{"ingest": {"dept": 7}}"#, #"{"injest": {"depth": 7}}"#, "[1]", #"{"ingest": 3}"#] {
            let path = try file(text)
            defer { try? FileManager.default.removeItem(atPath: path) }
            let error = await failure {
                var settings = try await Settings(scope: "ingest", file: path, environment: [:])
                _ = try settings.integer("depth", nil, default: 1, in: 1...10)
                try settings.checkFile()
            }
            #expect(error != nil, "\(text)")
        }
    }

    @Test func anotherProcessSectionIsNotOurs() async throws {
        let path = try file(#"{"features": {"connect": ["tcp://a:1"]}, "ingest": {"depth": 7}}"#)
        defer { try? FileManager.default.removeItem(atPath: path) }
        var settings = try await Settings(scope: "ingest", file: path, environment: [:])
        #expect(try settings.integer("depth", nil, default: 1, in: 1...10) == 7)
        try settings.checkFile()
    }

    @Test func aSecretIsNeverListed() async throws {
        var settings = try await Settings(
            scope: "alerter", file: nil, environment: ["ALERTER_WEBHOOK_SECRET": "hunter2"])
        #expect(try settings.secret("webhookSecret") == "hunter2")
        #expect(!settings.effective.contains { $0.value.contains("hunter2") })
    }
}
