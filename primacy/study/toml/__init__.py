"""A study file as text: its lines, its tables, and everything that is wrong with it.

Order: lines < mistakes < document | grid < hypotheses | sources | inputs < misfits < head |
conditions | overrides
"""
