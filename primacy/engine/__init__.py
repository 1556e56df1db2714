"""Which networks a run trains, where, and how they are kept.

Order: machine | interruption | hardware | reconcile | addresses < packing | controls < plan |
jobs < forecast | threads | live | provisional | wire | ledger < worker | inbox < dask_remote <
dask < progress < walk < run < shards
"""
