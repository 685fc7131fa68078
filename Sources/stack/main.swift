import Alerter
import ArgumentParser
import Engines
import ExchangeSim
import Gateway
import Ingest
import Lab
import Runtime

// All programs in one file; the name it is called by says which one runs.
let programs: [any AsyncParsableCommand.Type] = [
    IngestCommand.self, FeaturesCommand.self, DetectorCommand.self, AlerterCommand.self, GatewayCommand.self,
    ExchangeSimCommand.self, MicrolabCommand.self,
]
let name = CommandLine.arguments[0].split(separator: "/").last.map(String.init) ?? ""
guard let program = programs.first(where: { $0.configuration.commandName == name }) else {
    StandardError.exit("\(name): call it by a link with the name of a program", code: 64)
}
await program.launch()
