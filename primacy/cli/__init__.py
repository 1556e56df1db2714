"""The command line: one typed function per command.

Order: progress < notebook | doctor < app
"""
