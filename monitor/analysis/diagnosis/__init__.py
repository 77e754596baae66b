"""Which cause: rules over signals, the best one and the runner-up, with their evidence; pure."""
