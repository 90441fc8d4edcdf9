"""Container images out of locks: made, kept, and found or made again from a record."""
