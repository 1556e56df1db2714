"""Claims read in every way: the words at each moment and by each definition, and a figure each.

Order: drawing < spread < figure < rows
"""
