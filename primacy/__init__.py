"""primacy: which features a neural network learns first, represents, and uses."""
