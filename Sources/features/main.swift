import Pipeline

await FeaturesCommand.launch()
