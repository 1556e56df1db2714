"""Networks that exist, measured: stored ones rebuilt, and those of any framework.

Order: stored < evaluation < network < layers < pytorch_guard < pytorch_layers < pytorch
    | jax_names < jax_modules < user_arrays < declared < representations < adapters < asking
    < recording < tracker < lightning_callback | transformers_callback < user_code | checkpoints
    < audit
"""
