"""What the numbers say: learning times, estimates and verdicts. Never imports JAX.

Order: runs | first_layer | inference < learning_times < summary | redundancy < picks < resolve <
contrasts < words < verdicts < controls
"""
