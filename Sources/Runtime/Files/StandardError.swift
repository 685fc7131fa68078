import Foundation

/// Lines for the person who started the program.
package enum StandardError {
    package static func say(_ line: String) { FileHandle.standardError.write(Data("\(line)\n".utf8)) }

    /// Says why the program cannot run, and ends it.
    package static func exit(_ line: String, code: Int32) -> Never {
        say(line)
        Foundation.exit(code)
    }
}
