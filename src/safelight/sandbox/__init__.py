"""The zygote: a program of its own, which forks one child per image."""
