import Runtime
import ArgumentParser
import ZeroMQ

/// `microlab keys`: keys for an encrypted bus.
package struct KeysCommand: AsyncParsableCommand {
    package static let configuration = CommandConfiguration(
        commandName: "keys",
        abstract: "Makes a pair of CURVE keys for the bus.",
        discussion: """
            The first line is the public key, the second the secret one, each 40 characters. With --public-of it reads a \
            secret key from standard input and prints its public key. Exit code 65 where that is no key.
            """)

    @Flag(help: "Read a secret key from standard input and print its public key.") var publicOf = false

    package init() {}

    package func run() async throws {
        do {
            guard publicOf else {
                let keys = try Curve.generateKeyPair()
                try StandardOutput.show(keys.publicKey)
                return try StandardOutput.show(keys.secretKey)
            }
            try StandardOutput.show(try CurveKeys(secretKey: readLine() ?? "").publicKey)
        } catch let error as ZMQError {
            Lab.say("microlab: \(error.subject ?? "\(error)")")
            throw ExitCode(65)
        } catch let error as OutputFile.Failure {
            throw Lab.failure(error)
        }
    }
}
