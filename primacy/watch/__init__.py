"""A run seen while it trains: its page, live, for one person on this machine. Never imports JAX.

Everything comes from the run folder, so it makes no difference who trains, or whether anyone does.

Order: feed < pages < server
"""
