import Dashboard
import Foundation
import Testing

@testable import Gateway

extension GatewayTests {
    @Suite struct DashboardTests {
        private static let folder = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
            .deletingLastPathComponent().appending(path: "Sources/Dashboard/Files")
        private static let all = [DashboardFile.index] + DashboardFile.parts

        @Test func theRootIsThePageForABrowserAndTheListForOthers() async throws {
            try await Bench.run { bench in
                let accept = "text/html,application/xhtml+xml;q=0.9,*/*;q=0.8"
                let page = try ask(bench.port, "GET", "/?symbol=BTCUSDT", headers: [("Accept", accept)])
                #expect(page.status == 200)
                #expect(page.headers["content-type"] == "text/html; charset=utf-8")
                #expect(Array(page.body.utf8) == DashboardFile.index.bytes)
                #expect(page.headers["vary"] == "Accept")
                for accept in ["*/*", "application/json"] {
                    let list = try ask(bench.port, "GET", "/", headers: [("Accept", accept)])
                    #expect(list.headers["content-type"] == "application/json")
                    #expect(list.headers["vary"] == "Accept")
                }
            }
        }

        /// What the page refers to, and what that refers to, is served, with its type and under the strict policy; a
        /// browser that has it already gets nothing again.
        @Test func everyPartIsServedUnderTheStrictPolicy() async throws {
            try await Bench.run { bench in
                for file in DashboardFile.parts {
                    let answer = try ask(bench.port, "GET", "/dashboard/\(file.name)")
                    #expect(answer.status == 200, "\(file.name)")
                    #expect(Array(answer.body.utf8) == file.bytes, "\(file.name)")
                    #expect(answer.headers["content-type"] == file.mediaType)
                    #expect(answer.headers["x-content-type-options"] == "nosniff")
                    let policy = try #require(answer.headers["content-security-policy"])
                    #expect(policy.hasPrefix("default-src 'none';") && !policy.contains("unsafe"))
                    let tag = try #require(answer.headers["etag"])
                    let again = try ask(bench.port, "GET", "/dashboard/\(file.name)", headers: [("If-None-Match", tag)])
                    #expect(again.status == 304 && again.body.isEmpty, "\(file.name)")
                }
                #expect(try ask(bench.port, "GET", "/dashboard/none.js").status == 404)
                #expect(try ask(bench.port, "GET", "/dashboard/..%2findex.html").status == 404)
            }
        }

        @Test func whatIsReferredToIsThere() throws {
            let names = Set(DashboardFile.parts.map(\.name))
            for file in Self.all where file.name != "dygraph.min.js" {
                let text = String(decoding: file.bytes, as: UTF8.self)
                for match in text.matches(of: /(?:"(?:dashboard\/)?|from "\.\/)([\w.]+\.(?:js|css|svg|html))"/) {
                    #expect(names.contains(String(match.1)), "\(file.name) refers to \(match.1)")
                }
            }
        }

        /// The program holds the files of the tree, all of them.
        @Test func theProgramHoldsTheFilesOfTheTree() throws {
            let onDisk = try FileManager.default.contentsOfDirectory(atPath: Self.folder.path)
            #expect(Set(onDisk) == Set(Self.all.map(\.name)))
            for file in Self.all {
                #expect(
                    try Data(contentsOf: Self.folder.appending(path: file.name)) == Data(file.bytes), "\(file.name)")
            }
        }

        /// Behind a proxy the gateway may lie under a sub-path, so no file says where the root is.
        @Test func noAddressBeginsAtTheRoot() throws {
            for file in Self.all where file.name != "dygraph.min.js" && !file.name.hasSuffix(".txt") {
                let text = String(decoding: file.bytes, as: UTF8.self)
                #expect(
                    text.firstMatch(of: /["'`(]\/(?:api|dashboard|openapi|\?)|(?:href|src|action)="\//) == nil,
                    "\(file.name)")
            }
        }

        /// No text becomes HTML or code, nothing comes from elsewhere, and no style or script stands in the page.
        @Test func ownScriptsWriteTextOnly() throws {
            let forbidden =
                /innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\(|new Function|setAttribute\("(style|on)/
            for file in Self.all where file.name.hasSuffix(".js") && file.name != "dygraph.min.js" {
                let text = String(decoding: file.bytes, as: UTF8.self)
                #expect(text.firstMatch(of: forbidden) == nil, "\(file.name)")
            }
            for file in Self.all where file.name.hasSuffix(".html") {
                let page = String(decoding: file.bytes, as: UTF8.self)
                #expect(page.firstMatch(of: /\sstyle=|\son\w+=|<script>|<style|https?:/) == nil, "\(file.name)")
            }
        }
    }
}
