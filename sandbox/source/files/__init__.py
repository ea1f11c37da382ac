"""One module for each dataset: the lines of a chunk of titles or people."""
