"""What is written down: the record of a study, the table of curves, the run folder.

Order: files | parquet < formats < study | judgings < manifest | certificate < members < curves <
columns < store < held | run_folders
"""
