"""The `deepnet` command. Its packages (extra `cli`) are optional; `deepnet_command` starts it."""
