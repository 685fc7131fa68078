public import ArgumentParser
import ZeroMQ

/// `microlab keys`: keys for an encrypted bus.
public struct KeysCommand: AsyncParsableCommand {
    public static let configuration = CommandConfiguration(
        commandName: "keys",
        abstract: "Makes a pair of CURVE keys for the bus.",
        discussion: """
            The first line is the public key, the second the secret one, each 40 characters. With --public-of it reads a \
            secret key from standard input and prints its public key. Exit code 65 where that is no key.
            """)

    @Flag(help: "Read a secret key from standard input and print its public key.") var publicOf = false

    public init() {}

    public func run() async throws {
        do {
            guard publicOf else {
                let keys = try Curve.generateKeyPair()
                try Lab.show(keys.publicKey)
                return try Lab.show(keys.secretKey)
            }
            try Lab.show(try CurveKeys(secretKey: readLine() ?? "").publicKey)
        } catch let error as ZMQError {
            Lab.say("microlab: \(error.subject ?? "\(error)")")
            throw ExitCode(65)
        } catch let error as OutputFile.Failure {
            throw Lab.failure(error)
        }
    }
}
