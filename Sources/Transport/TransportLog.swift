import CLibWebSockets
import Synchronization

/// Severity of a line in libwebsockets' own log.
public enum LogLevel: Sendable, Equatable { case error, warning, notice }

/// libwebsockets has one log per process. Nothing is printed: lines go to the sink, if set, and the last error line is
/// kept to explain a failed call that gives no other reason.
enum TransportLog {
    private struct State {
        var sink: (@Sendable (LogLevel, String) -> Void)?
        var lastError = ""
    }

    private static let state = Mutex(State())

    /// Runs once per process, before the first context is created.
    static let install: Void = {
        let levels = LLL_ERR | LLL_WARN | LLL_NOTICE
        lws_set_log_level(levels) { level, line in
            guard let line else { return }
            TransportLog.receive(level: level, line: String(cString: line))
        }
    }()

    static func setSink(_ sink: (@Sendable (LogLevel, String) -> Void)?) {
        state.withLock { $0.sink = sink }
    }

    static func clearLastError() { state.withLock { $0.lastError = "" } }

    static var lastError: String { state.withLock { $0.lastError } }

    private static func receive(level: Int32, line: String) {
        var text = Substring(line)
        while text.last?.isNewline == true { text.removeLast() }
        let message = String(text)
        let kind: LogLevel =
            switch level {
            case LLL_ERR: .error
            case LLL_WARN: .warning
            default: .notice
            }
        let sink = state.withLock { state in
            if kind == .error { state.lastError = message }
            return state.sink
        }
        sink?(kind, message)
    }
}
