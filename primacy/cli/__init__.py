"""The command line: one typed function per command; `app` registers them.

Order: progress < notebook | doctor | shared < studies | watch | engines < run | results |
machine | data | audit | alike | compare | merge < work < app
"""
