"""What the numbers say: learning times, estimates and verdicts. Never imports JAX.

Order: notebook < runs | first_layer | inference < learning_times < summary | redundancy | between <
picks | levels < resolve < sides < contrasts < words < readings | fragility < verdicts < outcomes <
controls | matching < compared < comparison
"""
