import Synchronization

@testable import Transport

/// Takes the result of a request on the client's thread and gives it to the test's.
final class Outcome: Sendable {
    private let result = Mutex<(value: Result<HTTPResponse, HTTPError>?, count: Int)>((nil, 0))

    var set: @Sendable (Result<HTTPResponse, HTTPError>) -> Void {
        { [self] value in
            result.withLock { $0 = (value, $0.count + 1) }
        }
    }

    var isSet: Bool { count > 0 }
    var count: Int { result.withLock { $0.count } }

    func get() throws -> HTTPResponse {
        struct NoResult: Error {}
        guard let value = result.withLock({ $0.value }) else { throw NoResult() }
        return try value.get()
    }

    var error: HTTPError? {
        guard case .failure(let error) = result.withLock({ $0.value }) else { return nil }
        return error
    }
}
