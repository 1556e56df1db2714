"""Networks that exist, measured: stored ones rebuilt, and evaluated on other data.

Order: stored < evaluation
"""
