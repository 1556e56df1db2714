"""Which networks a run trains, where, and how they are kept.

Order: machine | interruption | hardware | reconcile < packing | controls < plan | jobs <
forecast | threads | live | provisional < run
"""
