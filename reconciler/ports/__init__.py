"""The outside world as the engine sees it: protocols only."""
