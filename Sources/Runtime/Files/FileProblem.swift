import Foundation

/// Why a file cannot be used, in words: the errors' own descriptions may name types and numbers only.
package enum FileProblem {
    package static func reason(of error: any Error) -> String {
        let error = error as NSError
        let cause = error.userInfo[NSUnderlyingErrorKey] as? NSError ?? error
        if cause.domain == NSPOSIXErrorDomain, let code = Int32(exactly: cause.code) {
            return String(cString: strerror(code))
        }
        if let place = error.userInfo["NSDebugDescription"] as? String { return place }
        // What is said of every error comes first.
        let text = error.localizedDescription.replacing("The operation could not be completed. ", with: "")
        // For some causes Foundation has only a number, in parentheses.
        return text.hasPrefix("(") ? "check the path and its permissions" : text
    }

    /// Any error in words, with the file's path where Foundation knows it; our own errors describe themselves.
    package static func describe(_ error: any Error) -> String {
        guard error is CocoaError || error is POSIXError else { return "\(error)" }
        let path = (error as NSError).userInfo[NSFilePathErrorKey] as? String
        return (path.map { "\($0): " } ?? "") + reason(of: error)
    }
}
