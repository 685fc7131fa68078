import TestSupport
@testable import Wire
import Foundation
import Testing

/// What a profile's file may hold.
@Suite struct ProfileFileTests {
    private static let good = StandardProfile.calibrated

    private static func load(_ text: String) throws -> String? {
        let folder = try TestFiles.temporaryFolder()
        defer { try? FileManager.default.removeItem(at: folder) }
        let file = folder.appending(path: "profile.json")
        try Data(text.utf8).write(to: file)
        do {
            _ = try ProfileFile.load(file.path)
            return nil
        } catch {
            return error.problem
        }
    }

    @Test func aProfileReadsBackAsItWasWritten() throws {
        for name in ["classic", "calibrated", "events"] {
            let profile = try ProfileFile.load(name)
            let text = String(decoding: try ProfileFile.encode(profile), as: UTF8.self)
            #expect(try Self.load(text) == nil)
        }
    }

    /// The whole has no path to name.
    @Test func aFileCutShortIsNamedOnce() throws {
        let problem = try #require(try Self.load(String(Self.good.prefix(200))))
        #expect(problem.hasSuffix("profile.json: is no JSON"), "\(problem)")
        #expect(try Self.load("[]")?.hasSuffix("profile.json: the profile has the wrong type") == true)
    }

    @Test(arguments: [
        ("\"budget\":", "\"budgets\":", "unknown member budgets"),
        ("\"winsor_limit\"", "\"winsor_limits\"", "unknown member winsor_limits"),
        ("\"kind\": \"cusum\", \"metric\": \"ofi\"", "\"kind\": \"cusum\", \"metric\": \"nope\"", "nope"),
        ("\"kind\": \"cusum\", \"metric\": \"ofi\"", "\"kind\": \"guess\", \"metric\": \"ofi\"", "kind"),
        ("\"nats\": [", "\"nats\": [9, ", "must ascend"),
        ("\"cusum_drift\": 0.5", "\"cusum_drift\": -1", "cusum_drift"),
    ])
    func whatIsWrongIsNamed(part: String, replacement: String, mention: String) throws {
        let place = try #require(Self.good.range(of: part))
        let problem = try Self.load(Self.good.replacingCharacters(in: place, with: replacement))
        #expect(problem?.contains(mention) == true, "\(problem ?? "accepted")")
    }
}
