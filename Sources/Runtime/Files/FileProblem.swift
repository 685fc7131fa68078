import Foundation

/// Why a file cannot be used, in words: the errors' own descriptions may name types and numbers only.
package enum FileProblem {
    package static func reason(of error: any Error) -> String {
        let error = error as NSError
        let cause = error.userInfo[NSUnderlyingErrorKey] as? NSError ?? error
        guard cause.domain == NSPOSIXErrorDomain, let code = Int32(exactly: cause.code) else {
            return error.userInfo["NSDebugDescription"] as? String ?? error.localizedDescription
        }
        return String(cString: strerror(code))
    }
}
