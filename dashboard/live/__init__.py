"""The live feed: one reader of the committed log, one text a frame, many tabs."""
