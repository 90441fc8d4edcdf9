"""Looks at whether this machine can do what reenact's commands need, and says what mends it. Nothing is changed."""
