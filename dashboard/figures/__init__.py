"""Charts: pure functions from domain objects to Plotly figures, as plain dictionaries."""
