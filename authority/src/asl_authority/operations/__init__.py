"""What the program can do, one verb a module; nothing here speaks to a person."""
