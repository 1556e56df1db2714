"""How results are shown: the page, the terminal, other formats. Never imports JAX.

Order: page < html | export | exporters | terminal | comparison | notebook
"""
