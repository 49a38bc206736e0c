"""How good detectors are: alarms and scores against labels, beside baselines that cannot know."""
