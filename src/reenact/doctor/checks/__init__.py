"""One check a file: ``check(context)`` yields what it found as rows, and changes nothing."""
