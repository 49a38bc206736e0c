"""What happens to an alert, from a detector's finding to an operator's screen."""
