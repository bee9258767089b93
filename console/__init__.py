"""What the watch sees: reads alerts and fixes, writes operator decisions. Never computes risk, never detects."""
