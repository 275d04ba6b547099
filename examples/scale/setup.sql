-- What DuckDB runs before it reads s3://: the role of the task, or the keys in the environment.
CREATE SECRET (TYPE s3, PROVIDER credential_chain);
