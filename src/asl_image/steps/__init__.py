"""One module a step; each is named for what it leaves behind."""
