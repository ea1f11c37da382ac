"""The laptop: embedded servers, a synthetic IMDb and the whole pipeline without Kubernetes."""
