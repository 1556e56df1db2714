"""How results are shown: the page, the terminal, other formats. Never imports JAX.

Order: page < html | export | tensorboard | terminal | comparison | notebook
"""
