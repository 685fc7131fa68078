import Engines
import Runtime

await FeaturesCommand.launch()
