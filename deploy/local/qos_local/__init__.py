"""The qos command line: local stack, demonstration, import, and tools on the core."""
