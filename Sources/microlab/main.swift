import Pipeline

await MicrolabCommand.launch()
