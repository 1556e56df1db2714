"""The command line: one typed function per command; `app` registers them.

Order: progress < notebook | doctor | shared < studies < run | results | machine | data | audit
    < app
"""
