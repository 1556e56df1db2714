"""Where examples come from, with the truth about them."""
