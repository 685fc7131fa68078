import Runtime
import Gateway

await GatewayCommand.launch()
