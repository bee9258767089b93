"""Events to alerts: profiles, points, cases, words. May not: detect anything, read files, ask a clock, look at distress."""
