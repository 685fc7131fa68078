import Alerter
import Engines
import ExchangeSim
import Ingest
import Lab
import Runtime
import ArgumentParser
import Foundation
import Gateway

// All programs in one file, which is the one whose name it is called by: an image holds it once, under seven names.
let programs: [any AsyncParsableCommand.Type] = [
    IngestCommand.self, FeaturesCommand.self, DetectorCommand.self, AlerterCommand.self, GatewayCommand.self,
    ExchangeSimCommand.self, MicrolabCommand.self,
]
let name = URL(filePath: CommandLine.arguments[0]).lastPathComponent
guard let program = programs.first(where: { $0.configuration.commandName == name }) else {
    FileHandle.standardError.write(Data("\(name): call it by a link with the name of a program\n".utf8))
    exit(64)
}
await program.launch()
