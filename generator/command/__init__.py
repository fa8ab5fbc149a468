"""What the command line needs besides its commands: progress, Ctrl-C, a server, a fresh folder."""
