"""The operations center: FastAPI, Dash, the live feed and the REST interface."""
