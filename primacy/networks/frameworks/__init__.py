"""Networks of any framework as ones that can be measured; each adapter imports its own framework.

Order: network < layers < pytorch_guard < pytorch_layers < pytorch < pytorch_function
    | jax_names < jax_parts < jax_modules | representations < adapters
"""
