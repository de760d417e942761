"""The verbs, one module a group; each has VERBS, and loads what it needs when it is called."""
