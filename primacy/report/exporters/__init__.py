"""Curves in the formats of experiment trackers: one file for each, behind one small interface.

An exporter takes runs (`series.Series`) and a folder, writes there and nowhere else, asks no
server, and returns the names of the runs that it wrote. The file of an exporter is the only one
that imports its library, and imports it when it is called.

Order: series < tensorboard | wandb_runs | mlflow_store < offered
"""
