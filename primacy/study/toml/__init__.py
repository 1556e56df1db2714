"""A study file as text: its lines, its tables, and everything that is wrong with it.

Order: lines < mistakes < document < hypotheses | sources | grid | inputs < misfits < head |
conditions | overrides
"""
