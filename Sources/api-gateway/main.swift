import Gateway
import Pipeline

await GatewayCommand.launch()
