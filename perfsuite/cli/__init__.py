"""The command line: parser, commands, terminal."""
