import Engines
import Runtime

await DetectorCommand.launch()
