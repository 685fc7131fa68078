/// Lines that are a program's answer, as opposed to its log.
package enum StandardOutput {
    /// Prints a line; unlike `print` it throws if the write fails.
    package static func show(_ line: String) throws(OutputFile.Failure) {
        var output = try OutputFile(path: "-", replacesExisting: false, sources: [])
        try output.write(Array("\(line)\n".utf8))
        try output.close()
    }
}
