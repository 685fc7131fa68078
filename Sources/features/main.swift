import Pipeline

await FeaturesCommand.main()
