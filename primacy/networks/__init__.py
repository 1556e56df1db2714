"""Networks that exist: stored ones rebuilt, those of any framework measured, the examples they saw.

Order: stored < consistency | evaluation | examples < frameworks < user_arrays < declared
    | messages | probabilities < asking | crashed | overseen | planned < recording < choices
    < tracker < lightning_callback | transformers_callback
    < user_code | checkpoints | own_model < audit
"""
