"""Other ways to get IMDb's files into Postgres, on the same files and the same server."""
