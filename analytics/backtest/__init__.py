"""Any configuration over any history, through the engine that runs live."""
