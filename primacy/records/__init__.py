"""What is written down: the record of a study, the table of curves, the run folder.

Order: files | parquet < formats < study | judgings < manifest | certificate | tables | live <
members < curves < columns < parts | journal | traces < store < held | run_folders | table |
compact | merge
"""
