"""The cityops command line, the engines and the supervisor."""
