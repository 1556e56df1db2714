"""What is asked: conditions, training, hypotheses and seeds, and the files that state them.

Order: spec < describe < applicable < toml < file < python | schema < reference
"""
