"""Networks that exist, measured: stored ones rebuilt, and those of any framework.

Order: stored < evaluation < network < layers < pytorch_guard < pytorch_layers < pytorch
    | jax_names < jax_modules < adapters < user_arrays < declared < asking < recording < tracker
    < lightning_callback | transformers_callback
"""
