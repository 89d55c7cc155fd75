"""What the DAGs need, without Airflow: Meltano, time shards and the joining of STATE."""
