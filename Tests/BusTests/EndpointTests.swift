@testable import Bus
import Runtime
import Testing

@Suite struct EndpointTests {
    @Test(arguments: [
        "tcp://127.0.0.1:5555", "tcp://*:5555", "tcp://127.0.0.1:*", "ipc:///tmp/x", "dns+tcp://ingest:5555",
        "tcp://[::1]:5555",
    ]) func endpointsThatAreTaken(text: String) throws {
        #expect(try Endpoint(text, setting: "--x").description == text)
    }

    @Test(arguments: [
        "", "127.0.0.1:5555", "tcp://127.0.0.1", "tcp://:5555", "tcp://h:0", "tcp://h:65536", "tcp://h:x", "udp://h:1",
        "ipc://", "dns+tcp://h:*", "dns+tcp://h",
    ]) func endpointsThatAreRefused(text: String) {
        #expect(throws: ConfigurationError.self) { try Endpoint(text, setting: "--x") }
    }

    @Test func localhostResolves() {
        #expect(EndpointDirectory.resolve("localhost") == ["127.0.0.1"])
        #expect(EndpointDirectory.resolve("no-such-host.invalid") == nil)
    }
}
