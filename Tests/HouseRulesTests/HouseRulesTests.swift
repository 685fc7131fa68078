import Foundation
import Testing

/// The house rules that a machine can check. An exception is a comment on the line: `house-rule: <reason>`.
@Suite struct HouseRulesTests {
    static let pureModules = ["Microstructure", "Detection", "Venues", "Simulation", "Evaluation"]
    static let executables = [
        "ingest", "features", "detector", "alerter", "api-gateway", "exchange-sim", "microlab", "stack",
    ]

    @Test func topLevelIsClosed() throws {
        let allowed: Set = [
            "Package.swift", "Makefile", "README.md", "proto", "compose", "findings", "Sources", "Tests",
            "Package.resolved",
        ]
        let entries = try FileManager.default.contentsOfDirectory(atPath: Tree.root.path)
        let strangers = entries.filter { !$0.hasPrefix(".") && !allowed.contains($0) }
        #expect(strangers.isEmpty, "the top level is closed, yet it holds \(strangers.sorted())")
    }

    @Test(arguments: pureModules) func pureModuleImportsOnlyPureModules(module: String) throws {
        let allowed = Set(Self.pureModules + ["RealModule"])
        for line in try Tree.lines(under: "Sources/\(module)") {
            guard let match = line.text.firstMatch(of: /^\s*(?:public |internal |private |@\w+ )*import (?:\w+ )?(\w+)/)
            else { continue }
            #expect(allowed.contains(String(match.1)), "\(line) in a pure module")
        }
    }

    @Test(arguments: pureModules) func pureModuleReadsNoClockNorRandomness(module: String) throws {
        let forbidden =
            /\bDate\(\)|\b(ContinuousClock|SuspendingClock|SystemRandomNumberGenerator|getenv)\b|\bprint\(|\.random\(in: [^,)]*\)/
        for line in try Tree.lines(under: "Sources/\(module)") where !line.isComment {
            #expect(line.text.firstMatch(of: forbidden) == nil, "\(line) in a pure module")
        }
    }

    /// The whole graph: what each module may import of this package. Arrows point down only. Folders of one module share a
    /// namespace, so that no compiler and no import shows a ring between them: that rule is for reviewers.
    static let graph: [String: Set<String>] = {
        let pure: [String: Set<String>] = [
            "Microstructure": [], "Detection": ["Microstructure"], "Venues": ["Microstructure"],
            "Simulation": ["Microstructure"], "Evaluation": ["Microstructure", "Detection"],
        ]
        let plumbing: [String: Set<String>] = [
            "ZeroMQ": ["CZeroMQ"], "Transport": ["CLibWebSockets", "CLibCurl", "COpenSSL"],
            "Wire": ["Microstructure", "Detection", "CZlib", "CZstd"],
        ]
        let shell: [String: Set<String>] = [
            "Runtime": ["Microstructure", "Transport", "CZlib", "CZstd"], "Storage": ["Runtime"],
            "Bus": ["Microstructure", "Runtime", "Wire", "ZeroMQ"], "Tape": ["Microstructure", "Runtime", "Wire"],
        ]
        let programs: [String: Set<String>] = [
            "Ingest": ["Microstructure", "Venues", "Bus", "Runtime", "Transport", "Wire", "ZeroMQ"],
            "Engines": ["Microstructure", "Detection", "Bus", "Runtime", "Storage", "Wire", "ZeroMQ"],
            "Alerter": ["Microstructure", "Bus", "Runtime", "Storage", "Transport", "Wire", "ZeroMQ"],
            "ExchangeSim": ["Microstructure", "Simulation", "Runtime", "Transport"],
            "Gateway": [
                "Dashboard", "Microstructure", "Detection", "Bus", "COpenSSL", "Runtime", "Storage", "Transport",
                "Wire",
                "ZeroMQ",
            ],
            "Lab": [
                "Microstructure", "Detection", "Venues", "Simulation", "Evaluation", "Bus", "Runtime", "Tape", "Wire",
                "ZeroMQ",
            ],
        ]
        return [pure, plumbing, shell, programs].reduce(into: ["Dashboard": []]) { graph, layer in
            graph.merge(layer) { first, _ in first }
        }
    }()

    /// A folder of `Sources` is a module in the graph, a program, or a C library's module map.
    @Test func everyModuleIsInTheGraph() throws {
        let known = Set(Self.graph.keys).union(Self.executables)
        let strangers = try Tree.modules().filter { !known.contains($0) && !$0.hasPrefix("C") }
        #expect(strangers.isEmpty, "no rule says what \(strangers.sorted()) may import")
    }

    @Test(arguments: graph.keys.sorted()) func arrowsPointDown(module: String) throws {
        let own = Set(try Tree.modules())
        let allowed = Self.graph[module] ?? []
        for line in try Tree.lines(under: "Sources/\(module)") {
            guard
                let match = line.text.firstMatch(
                    of: /^\s*(?:public |package |internal |private |@\w+ )*import (?:\w+ )?(\w+)/)
            else { continue }
            let imported = String(match.1)
            #expect(
                !own.contains(imported) || allowed.contains(imported), "\(line): \(module) must not know \(imported)")
        }
    }

    /// A test target names what it imports, directly or by way of a module that it names. Whether a module that is not
    /// named has been built yet is luck: an incremental build hides the omission, a clean one fails at times.
    @Test func testsNameWhatTheyImport() throws {
        var graph = Self.graph
        let manifest = try String(contentsOf: Tree.root.appending(path: "Package.swift"), encoding: .utf8)
        let targets = manifest.matches(
            of: /\.(?:testTarget|target)\(\s*name: "(\w+(?:Tests|Support))"(?:,\s*dependencies: \[([^\]]*)\])?/)
        for target in targets {
            graph[String(target.1)] = Set((target.2 ?? "").matches(of: /"(\w+)"/).map { String($0.1) })
        }
        #expect(targets.count > 15, "the manifest is not read")
        let own = Set(graph.keys)
        for target in targets.map({ String($0.1) }) {
            var (reached, open): (Set<String>, [String]) = ([], [target])
            while let module = open.popLast() {
                for next in graph[module] ?? [] where reached.insert(next).inserted { open.append(next) }
            }
            for line in try Tree.lines(under: "Tests/\(target)") {
                guard let match = line.text.firstMatch(of: /^\s*(?:@testable )?import (?:\w+ )?(\w+)/) else { continue }
                let imported = String(match.1)
                #expect(
                    !own.contains(imported) || reached.contains(imported), "\(line): Package.swift does not say so")
            }
        }
    }

    /// What only this package uses is `package`: `public` is for the libraries that others import.
    @Test(arguments: graph.keys.sorted().filter { !Set(pureModules + ["Wire", "ZeroMQ", "Transport"]).contains($0) })
    func onlyLibrariesArePublic(module: String) throws {
        for line in try Tree.lines(under: "Sources/\(module)") where !line.isComment {
            #expect(line.text.firstMatch(of: /^\s*(?:@\w+ )*public\b/) == nil, "\(line): package is enough")
        }
    }

    @Test(arguments: executables) func mainIsShort(executable: String) throws {
        let count = try Tree.lines(under: "Sources/\(executable)").count
        #expect(count > 0 && count <= 20, "main.swift of \(executable) has \(count) lines")
    }

    @Test func libraryCodeDoesNotTrapOnPurpose() throws {
        let forbidden = /\btry!|\bas!|\bfatalError\(/
        for line in try Tree.lines(under: "Sources") where !line.isComment {
            #expect(line.text.firstMatch(of: forbidden) == nil, "\(line)")
        }
    }

    @Test func nothingIsLeftUnfinished() throws {
        let forbidden = /\b(TODO|FIXME|XXX)\b|not implemented|unimplemented/
        for line in try Tree.lines(under: "Sources") {
            #expect(line.text.firstMatch(of: forbidden) == nil, "\(line)")
        }
    }

    @Test func testsWaitOnConditionsOnly() throws {
        // Waiting on a condition has to pause between two looks: `Support` files hold that one place.
        let forbidden = /\bTask\.sleep|\busleep\(|\bThread\.sleep|\bnanosleep\(/
        for line in try Tree.lines(under: "Tests") where !line.isComment && !line.file.contains("HouseRules") {
            #expect(line.text.firstMatch(of: forbidden) == nil, "\(line): wait on a condition")
        }
    }

    /// What a test draws comes from a seed that it states, so that every run draws the same.
    @Test func testsDrawFromASeed() throws {
        let draws = /\.random\(|\b(shuffled|shuffle|randomElement)\(/
        for line in try Tree.lines(under: "Tests") where !line.isComment && !line.file.contains("HouseRules") {
            guard line.text.firstMatch(of: draws) != nil, !line.text.hasSuffix("(") else { continue }
            #expect(line.text.contains("using: "), "\(line): draw it from a seed (TestSupport's testSeed)")
        }
    }

    @Test func filesHaveOneSubject() throws {
        var counts: [String: Int] = [:]
        for line in try Tree.lines(under: "Sources") { counts[line.file, default: 0] += 1 }
        for (file, count) in counts { #expect(count <= 450, "\(file) has \(count) lines: perhaps two subjects") }
    }
}

struct SourceLine: CustomStringConvertible {
    let file: String
    let number: Int
    let text: String
    var isComment: Bool { text.trimmingCharacters(in: .whitespaces).hasPrefix("//") }
    var description: String { "\(file):\(number): \(text.trimmingCharacters(in: .whitespaces))" }
}

enum Tree {
    static let root = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        .deletingLastPathComponent()

    /// The folders of `Sources`.
    static func modules() throws -> [String] {
        try FileManager.default.contentsOfDirectory(atPath: root.appending(path: "Sources").path)
    }

    /// All lines of the hand-written Swift files under `folder`, those with a stated exception left out.
    static func lines(under folder: String) throws -> [SourceLine] {
        let base = root.appending(path: folder)
        let files = try FileManager.default.subpathsOfDirectory(atPath: base.path).sorted()
            .filter { $0.hasSuffix(".swift") && !$0.hasSuffix(".pb.swift") }
        return try files.flatMap { file in
            try String(contentsOf: base.appending(path: file), encoding: .utf8)
                .split(separator: "\n", omittingEmptySubsequences: false).enumerated()
                .filter { !$0.element.contains("house-rule:") }
                .map { SourceLine(file: "\(folder)/\(file)", number: $0.offset + 1, text: String($0.element)) }
        }
    }
}
