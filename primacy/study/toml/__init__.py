"""What a study file may say: each table of the TOML read, with every mistake found."""
