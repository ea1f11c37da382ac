"""What runs in a pod: download IMDb's files into a store and load them into Postgres."""
