import Runtime
import Hummingbird

extension QueryParameters {
    /// - Parameter allowed: the names that the route knows.
    init(_ request: Request, allowed: [String]) throws(QueryError) {
        try self.init(request.uri.query ?? "", allowed: allowed)
    }
}
