"""What a churn rule makes of the loaded data: base rates, sensitivity, stability and a verdict."""
