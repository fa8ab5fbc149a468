"""A model from anywhere, and what can be read off it without knowing it."""
