import Alerter
import Runtime

await AlerterCommand.launch()
