import Foundation
import Microstructure
import TestSupport

/// A disk that forgets, when the power fails, what was not synced: `PowerCut/powercut.c`, preloaded into the programs that
/// keep their files in `folder`.
final class PowerCut {
    static let pageBytes = 4_096
    static let sectorBytes = 512

    struct Problem: Error { let text: String }

    let folder: URL
    private let library: URL

    /// - Parameter folder: with its symbolic links resolved, since the programs' calls name it so.
    init(folder: URL) throws {
        self.folder = folder
        library = folder.deletingLastPathComponent().appending(path: "powercut-\(folder.lastPathComponent).so")
        let source = TestFiles.root.appending(path: "Tests/EndToEndTests/PowerCut/powercut.c")
        let (code, text) = try Program.run(
            "gcc", ["-shared", "-fPIC", "-O1", "-o", library.path, source.path, "-ldl"])
        guard code == 0 else { throw Problem(text: text) }
    }

    deinit {
        for file in [library.path, folder.path + ".names", folder.path + ".syncs"] {
            try? FileManager.default.removeItem(atPath: file)
        }
    }

    /// - Parameter lies: the disk reports syncs that it does not make.
    func environment(lies: Bool = false) -> [String: String] {
        ["LD_PRELOAD": library.path, "POWERCUT_FOLDER": folder.path].merging(lies ? ["POWERCUT_LIES": "1"] : [:]) { $1 }
    }

    /// Syncs since the start, by file name.
    var syncs: [String: Int] {
        Dictionary(lines(folder.path + ".syncs").map { ($0, 1) }, uniquingKeysWith: +)
    }

    /// The power fails; the programs have been killed. Of what was not synced all is lost, or each sector, name and length by
    /// chance: a disk writes in any order, and may have written some.
    func strike(_ random: inout SplitMix64) throws {
        let keepsSome = Bool.random(using: &random)
        let names = lines(folder.path + ".names")
        // File systems keep names in order.
        let kept = keepsSome ? Int.random(in: 0...names.count, using: &random) : 0
        for name in names[kept...].reversed() {
            let path = String(name.dropFirst())
            if name.hasPrefix("+") {
                for file in [path, path + ".undo"] { try? FileManager.default.removeItem(atPath: file) }
            } else {
                try FileManager.default.moveItem(atPath: path + ".gone", toPath: path)
            }
        }
        try? FileManager.default.removeItem(atPath: folder.path + ".names")
        let files = FileManager.default.enumerator(at: folder, includingPropertiesForKeys: nil)
        for case let file as URL in files?.allObjects ?? [] {
            if file.pathExtension == "undo" { try undo(file, keepsSome, &random) }
            if file.pathExtension == "gone" { try FileManager.default.removeItem(at: file) }
        }
    }

    private func undo(_ journal: URL, _ keepsSome: Bool, _ random: inout SplitMix64) throws {
        let bytes = try Data(contentsOf: journal)
        defer { try? FileManager.default.removeItem(at: journal) }
        func number(at offset: Int) -> UInt64 {
            bytes[offset..<offset + 8].reversed().reduce(0) { $0 << 8 | UInt64($1) }
        }
        let file = journal.deletingPathExtension()
        guard bytes.count >= 8, FileManager.default.fileExists(atPath: file.path) else { return }
        let handle = try FileHandle(forUpdating: file)
        defer { try? handle.close() }
        let recordBytes = 8 + Self.pageBytes
        // A kill may have cut the last record off: its page was then not changed yet.
        for record in 0..<(bytes.count - 8) / recordBytes {
            let offset = 8 + record * recordBytes
            let page = number(at: offset)
            for sector in 0..<Self.pageBytes / Self.sectorBytes
            where !keepsSome || Bool.random(using: &random) {
                let begin = offset + 8 + sector * Self.sectorBytes
                try handle.seek(toOffset: page * UInt64(Self.pageBytes) + UInt64(sector * Self.sectorBytes))
                try handle.write(contentsOf: bytes[begin..<begin + Self.sectorBytes])
            }
        }
        if !keepsSome || Bool.random(using: &random) { try handle.truncate(atOffset: number(at: 0)) }
    }

    private func lines(_ path: String) -> [String] {
        let text = (try? String(contentsOfFile: path, encoding: .utf8)) ?? ""
        return text.split(separator: "\n").map(String.init)
    }
}
