"""Networks that exist: stored ones rebuilt, evaluated on other data, and the examples they saw.

Order: stored < evaluation | examples
"""
