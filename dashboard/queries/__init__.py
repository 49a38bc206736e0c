"""Questions to the store, each taking a connection and returning what a page or the API shows."""
