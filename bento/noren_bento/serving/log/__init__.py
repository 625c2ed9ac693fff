"""The prediction log: what was asked and answered, as Parquet files that any reader takes."""
