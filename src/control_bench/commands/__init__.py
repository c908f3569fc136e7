"""The command line's commands: one a file, each with `add`, which tells its parser what to do."""
