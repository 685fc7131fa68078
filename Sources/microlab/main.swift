import Lab
import Runtime

await MicrolabCommand.launch()
